/**
 * Arrow streams of numbers: what the map is sent as. A column is one typed array, whatever batches
 * it came in. Texts, lists and nulls are none of its business and are refused.
 */

const SCHEMA = 1;
const BATCH = 3;
const INT = 2;
const FLOAT = 3;
const SIGNED = { 8: Int8Array, 16: Int16Array, 32: Int32Array };
const UNSIGNED = { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array };
const REAL = { 1: Float32Array, 2: Float64Array };

/** {columns: {name: typed array}, about: the schema's metadata, rows}. */
export function readArrow(buffer) {
  const view = new DataView(buffer);
  const batches = [];
  let schema = null;
  for (let at = 0; at + 8 <= buffer.byteLength; ) {
    // A continuation mark, the length of what describes the message, and that; zero is the end.
    const length = view.getInt32(at + 4, true);
    if (view.getUint32(at, true) !== 0xffffffff || length < 0) throw new Error("not an Arrow stream");
    if (!length) break;
    const message = root(view, at + 8);
    const body = at + 8 + length;
    const kind = message.uint8(1);
    const head = message.table(2);
    if (kind === SCHEMA) schema = readSchema(head);
    else if (kind === BATCH) batches.push(readBatch(head, body));
    else throw new Error(`an Arrow message of kind ${kind}`);
    at = body + message.int64(3);
  }
  if (!schema) throw new Error("an Arrow stream without a schema");
  return assembled(buffer, schema, batches);
}

function assembled(buffer, { fields, about }, batches) {
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const columns = {};
  fields.forEach(({ name, type }, number) => {
    const whole = (columns[name] = new type(rows));
    let at = 0;
    for (const batch of batches) {
      if (batch.nulls[number]) throw new Error(`${name} has nulls`);
      const { offset } = batch.buffers[2 * number + 1];
      const start = batch.body + offset;
      whole.set(new type(buffer, start, batch.rows), at);
      at += batch.rows;
    }
  });
  return { columns, about, rows };
}

function readSchema(schema) {
  const fields = schema.tables(1).map((field) => ({ name: field.text(0), type: typeOf(field) }));
  const about = Object.fromEntries(schema.tables(2).map((pair) => [pair.text(0), pair.text(1)]));
  return { fields, about };
}

function typeOf(field) {
  const type = field.table(3);
  const kinds = { [INT]: type.uint8(1) ? SIGNED : UNSIGNED, [FLOAT]: REAL }[field.uint8(2)];
  const width = field.uint8(2) === INT ? type.int32(0) : type.int16(0);
  const found = kinds?.[width];
  if (!found) throw new Error(`${field.text(0)} is no column of numbers`);
  return found;
}

function readBatch(batch, body) {
  const [nodes, buffers] = [batch.structs(1), batch.structs(2)];
  return {
    body,
    rows: batch.int64(0),
    nulls: nodes.map(([, nulls]) => nulls),
    buffers: buffers.map(([offset, length]) => ({ offset, length })),
  };
}

// -- flatbuffers: a table begins with the way back to its list of where each field is -------------

const root = (view, at) => new Table(view, at + view.getUint32(at, true));

class Table {
  #view;
  #at;

  constructor(view, at) {
    this.#view = view;
    this.#at = at;
  }

  /** Where a field is; 0: it is left out. */
  #place(number) {
    const slots = this.#at - this.#view.getInt32(this.#at, true);
    const slot = 4 + 2 * number;
    if (slot >= this.#view.getUint16(slots, true)) return 0;
    const offset = this.#view.getUint16(slots + slot, true);
    return offset && this.#at + offset;
  }

  #read(number, read) {
    const place = this.#place(number);
    return place ? read(place) : 0;
  }

  /** Where what a field points at is. */
  #follow(number) {
    const place = this.#place(number);
    return place && place + this.#view.getUint32(place, true);
  }

  uint8(number) {
    return this.#read(number, (at) => this.#view.getUint8(at));
  }

  int16(number) {
    return this.#read(number, (at) => this.#view.getInt16(at, true));
  }

  int32(number) {
    return this.#read(number, (at) => this.#view.getInt32(at, true));
  }

  int64(number) {
    return this.#read(number, (at) => Number(this.#view.getBigInt64(at, true)));
  }

  table(number) {
    return new Table(this.#view, this.#follow(number));
  }

  text(number) {
    const at = this.#follow(number);
    const bytes = new Uint8Array(this.#view.buffer, at + 4, this.#view.getUint32(at, true));
    return new TextDecoder().decode(bytes);
  }

  tables(number) {
    const at = this.#follow(number);
    const length = at ? this.#view.getUint32(at, true) : 0;
    return Array.from({ length }, (_, index) => root(this.#view, at + 4 + 4 * index));
  }

  /** A list of pairs of 64 bits: nodes and buffers. */
  structs(number) {
    const at = this.#follow(number);
    const length = at ? this.#view.getUint32(at, true) : 0;
    const whole = (place) => Number(this.#view.getBigInt64(place, true));
    return Array.from({ length }, (_, index) => [
      whole(at + 4 + 16 * index),
      whole(at + 12 + 16 * index),
    ]);
  }
}
