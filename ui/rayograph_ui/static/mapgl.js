/**
 * A million points by WebGL2. They are sent to the GPU once; moving about changes a few numbers, so
 * a frame costs the page the same for ten points and for a million. Points are added up in a buffer
 * of half floats and then shown by how many lie on a pixel: what is dense reads as dense whatever
 * order the points come in, on light and on dark.
 */

const POINTS = `#version 300 es
layout(location = 0) in float x;
layout(location = 1) in float y;
layout(location = 2) in uint code;
layout(location = 3) in uint inside;
uniform vec2 middle, scale;
uniform float size, strength, faint;
uniform sampler2D palette;
out vec4 tint;
void main() {
  // Relative to the middle first: far in, what is left has all its digits.
  gl_Position = vec4((vec2(x, y) - middle) * scale, 0, 1);
  gl_PointSize = size;
  vec4 colour = texelFetch(palette, ivec2(int(code), 0), 0);
  tint = vec4(colour.rgb, colour.a * strength * (inside == 1u ? 1.0 : faint));
}`;

const DOT = `#version 300 es
precision mediump float;
in vec4 tint;
out vec4 drawn;
void main() {
  float far = length(gl_PointCoord - 0.5) * 2.0;
  float alpha = tint.a * (1.0 - smoothstep(0.55, 1.0, far));
  drawn = vec4(tint.rgb * alpha, alpha);
}`;

const WHOLE = `#version 300 es
void main() {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0, 1);
}`;

const SHOW = `#version 300 es
precision highp float;
uniform sampler2D sum;
uniform vec3 ink;
out vec4 drawn;
void main() {
  vec4 here = texelFetch(sum, ivec2(gl_FragCoord.xy), 0);
  if (here.a <= 0.0) discard;
  float cover = 1.0 - exp(-1.6 * here.a);
  // Beyond full cover the crowd goes on towards the ink of the page.
  float crowd = 0.5 * clamp(log2(1.0 + here.a) / 7.0 - 0.12, 0.0, 1.0);
  drawn = vec4(mix(here.rgb / here.a, ink, crowd) * cover, cover);
}`;

export class MapPlot {
  count = 0;
  /** Frames so far, and the page's own time for the last one, ms. */
  frames = 0;
  took = 0;
  #canvas;
  #gl;
  #kept = {};
  #look = null;
  #frame = 0;
  #onDrawn;
  #adds = false;
  #dots;
  #reveals;
  #array;
  #none;
  #sum;
  #target;
  #colours;
  #buffers;
  #sized;

  /** Throws where there is no WebGL2. `drawn(view)` is called after each frame. */
  constructor(canvas, drawn) {
    this.#canvas = canvas;
    this.#onDrawn = drawn;
    this.#gl = canvas.getContext("webgl2", { antialias: false, depth: false, premultipliedAlpha: true });
    if (!this.#gl) throw new Error("no WebGL2");
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#begin();
      for (const [name, values] of Object.entries(this.#kept)) this.#send(name, values);
      this.draw();
    });
    this.#begin();
  }

  /** Places as two arrays of floats. */
  points(x, y) {
    this.count = x.length;
    this.#keep("x", x);
    this.#keep("y", y);
    this.codes(new Uint8Array(x.length));
    this.inside(null);
  }

  /** The place of each point's colour in the palette. */
  codes(codes) {
    this.#keep("code", codes);
  }

  /** A canvas of 256 x 1 colours. */
  palette(colours) {
    this.#keep("palette", colours);
  }

  /** 1 for each point that is chosen; null: no choice was made. */
  inside(mask) {
    this.#keep("inside", mask ?? new Uint8Array(this.count).fill(1));
  }

  /** Draw as soon as the screen is ready: {middle: [x, y], scale: px a unit, size, strength, faint, ink}. */
  draw(look = this.#look) {
    this.#look = look;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const began = performance.now();
      if (this.#look && this.count && !this.#gl.isContextLost()) this.#paint(this.#look);
      this.took = performance.now() - began;
      this.frames += 1;
      this.#onDrawn(this.#look);
    });
  }

  #keep(name, values) {
    this.#kept[name] = values;
    if (!this.#gl.isContextLost()) this.#send(name, values);
  }

  #begin() {
    const gl = this.#gl;
    // Adding up needs more than eight bits; where there are no more, points lie over each other.
    this.#adds = Boolean(gl.getExtension("EXT_color_buffer_float") ?? gl.getExtension("EXT_color_buffer_half_float"));
    this.#dots = program(gl, POINTS, DOT);
    this.#reveals = program(gl, WHOLE, SHOW);
    this.#array = gl.createVertexArray();
    this.#none = gl.createVertexArray();
    this.#sum = gl.createTexture();
    this.#target = gl.createFramebuffer();
    this.#colours = gl.createTexture();
    this.#buffers = {};
    this.#sized = "";
  }

  #send(name, values) {
    const gl = this.#gl;
    if (name === "palette") {
      gl.bindTexture(gl.TEXTURE_2D, this.#colours);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, values);
      nearest(gl);
      return;
    }
    const place = ["x", "y", "code", "inside"].indexOf(name);
    gl.bindVertexArray(this.#array);
    gl.bindBuffer(gl.ARRAY_BUFFER, (this.#buffers[name] ??= gl.createBuffer()));
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    if (values instanceof Float32Array) gl.vertexAttribPointer(place, 1, gl.FLOAT, false, 0, 0);
    else gl.vertexAttribIPointer(place, 1, gl.UNSIGNED_BYTE, 0, 0);
    gl.bindVertexArray(null);
  }

  #paint({ middle, scale, size, strength, faint, ink }) {
    const gl = this.#gl;
    const { width, height } = this.#canvas;
    gl.viewport(0, 0, width, height);
    if (this.#adds) this.#aim(width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, this.#adds ? gl.ONE : gl.ONE_MINUS_SRC_ALPHA);
    const { at, handle } = this.#dots;
    gl.useProgram(handle);
    gl.uniform2f(at("middle"), ...middle);
    gl.uniform2f(at("scale"), (2 * scale) / width, (2 * scale) / height);
    gl.uniform1f(at("size"), size);
    gl.uniform1f(at("strength"), strength);
    gl.uniform1f(at("faint"), faint);
    gl.bindTexture(gl.TEXTURE_2D, this.#colours);
    gl.bindVertexArray(this.#array);
    gl.drawArrays(gl.POINTS, 0, this.count);
    if (this.#adds) this.#reveal(ink);
    gl.bindVertexArray(null);
  }

  /** Let what is drawn be added up, in a texture as large as the canvas. */
  #aim(width, height) {
    const gl = this.#gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#target);
    if (this.#sized === `${width} ${height}`) return;
    this.#sized = `${width} ${height}`;
    gl.bindTexture(gl.TEXTURE_2D, this.#sum);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    nearest(gl);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.#sum, 0);
  }

  #reveal(ink) {
    const gl = this.#gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.disable(gl.BLEND);
    gl.useProgram(this.#reveals.handle);
    gl.uniform3f(this.#reveals.at("ink"), ...ink);
    gl.bindTexture(gl.TEXTURE_2D, this.#sum);
    gl.bindVertexArray(this.#none);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

function nearest(gl) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
}

/** A linked program, and where its uniforms are. */
function program(gl, vertex, fragment) {
  const handle = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(handle, shader);
  }
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(handle));
  }
  const places = new Map();
  const at = (name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(handle, name));
    return places.get(name);
  };
  return { handle, at };
}
