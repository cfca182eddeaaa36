/** What could come next in a filter: fields, then what they hold; and what joins conditions. */

const MOST = 40;
const VALUE = /([a-z][\w.]*)\s*(?:<=|>=|!=|[=<>:])\s*("?)([^\s()",]*)$/i;
const LISTED = /([a-z][\w.]*)\s+in\s*\((?:[^()]*,)?\s*("?)([^\s()",]*)$/i;
const NAME = /[a-z][\w.]*$/i;
const PLAIN = /^[\w*?.-]+$/;
// Behind these a condition begins; behind anything else one has ended.
const OPENS = /(^|\(|\b(?:and|or|not))\s*$/i;
const SIGNS = { number: ">=", bytes: ">", ratio: ">=", time: ">", choice: "=" };

/** {from, items: [{text, label, about}]}: what could stand from character `from` to the cursor. */
export function complete(text, cursor, fields) {
  const before = text.slice(0, cursor);
  const value = VALUE.exec(before) ?? LISTED.exec(before);
  const field = value && named(value[1], fields);
  if (field) {
    const from = cursor - value[3].length - value[2].length;
    return { from, items: valuesOf(field, value[3]) };
  }
  const typed = NAME.exec(before)?.[0] ?? "";
  const from = cursor - typed.length;
  const ahead = before.slice(0, from);
  if (!OPENS.test(ahead)) {
    const ended = /[\s)]$/.test(ahead) && !value;
    return { from, items: ended ? joints(typed) : [] };
  }
  return { from, items: fieldsLike(typed, fields) };
}

const named = (name, fields) =>
  fields.find((field) => [field.name, ...field.aliases].includes(name.toLowerCase()));

function valuesOf(field, typed) {
  const low = typed.toLowerCase();
  return field.values
    .filter((value) => value.toLowerCase().includes(low) && value !== typed)
    .slice(0, MOST)
    .map((value) => ({ text: `${shown(value)} `, label: value, about: "" }));
}

function fieldsLike(typed, fields) {
  const low = typed.toLowerCase();
  const rank = (field) => {
    const names = [field.name, ...field.aliases];
    if (names.some((name) => name.startsWith(low))) return 0;
    return names.some((name) => name.includes(low)) ? 1 : 2;
  };
  return fields
    .filter((field) => rank(field) < 2)
    .sort((a, b) => rank(a) - rank(b))
    .map((field) => ({
      text: field.name + (SIGNS[field.kind] ?? ":"),
      label: field.name,
      about: field.about.replaceAll("`", ""),
    }));
}

const joints = (typed) =>
  ["and", "or"]
    .filter((word) => word.startsWith(typed.toLowerCase()))
    .map((word) => ({ text: `${word} `, label: word, about: "" }));

const shown = (value) =>
  PLAIN.test(value) ? value : `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
