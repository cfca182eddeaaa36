/** A user's own picture, made small enough to send with a search. */

const SIDE_PX = 640;
const MOST_BYTES = 28_000_000;

/** {name, base64, preview} of an image file; formats the browser cannot draw are sent as they are. */
export async function readPicture(file) {
  const name = file.name || "pasted picture";
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) {
    if (file.size > MOST_BYTES) throw new Error(`${name} is too large to send`);
    return { name, base64: await toBase64(file), preview: null };
  }
  const scale = Math.min(1, SIDE_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  // JPEG has no transparency: what shows through is white, as on paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const preview = canvas.toDataURL("image/jpeg", 0.9);
  return { name, preview, base64: preview.slice(preview.indexOf(",") + 1) };
}

function toBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** The first picture in a drop or on the clipboard; null when there is none. */
export function pictureIn(transfer) {
  for (const item of transfer?.items ?? []) {
    if (item.kind === "file" && item.type.startsWith("image/")) return item.getAsFile();
  }
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}
