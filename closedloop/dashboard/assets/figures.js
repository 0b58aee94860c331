"use strict";
/* What the page knows, how it says it, and what of it was chosen. */

const given = JSON.parse(document.getElementById("figures").textContent);
const collator = new Intl.Collator(given.language, { numeric: true });
const whole = new Intl.NumberFormat(given.language);
const percent = new Intl.NumberFormat(given.language, {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1,
});
const NOTHING = "–";

function say(text, values = {}) {
  const known = given.words[text] ?? text;
  return known.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

function day(iso) {
  return given.language === "de" ? iso.slice(0, 10).split("-").reverse().join(".") : iso.slice(0, 10);
}

function duration(seconds) {
  if (seconds < 60) return `${whole.format(seconds)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")} min`;
}

const WRITTEN = {
  text: (value) => value,
  number: (value) => whole.format(value),
  share: (value) => percent.format(value),
  time: (value) => `${day(value)} ${value.slice(11)}`,
  day,
  seconds: duration,
};

function written(kind, value) {
  return value === null || value === "" ? NOTHING : WRITTEN[kind](value);
}

const sheets = Object.fromEntries(given.sheets.map((sheet) => [sheet.key, {
  ...sheet,
  at: Object.fromEntries(sheet.columns.map((column, place) => [column.key, place])),
}]));

const choice = { client: "", scope: "", weeks: "12" };

function since() {
  if (!choice.weeks) return "";
  const start = new Date(`${monday(given.today)}T00:00:00Z`);
  start.setUTCDate(start.getUTCDate() - 7 * (Number(choice.weeks) - 1));
  return start.toISOString().slice(0, 10);
}

function monday(iso) {
  const date = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - (date.getUTCDay() + 6) % 7);
  return date.toISOString().slice(0, 10);
}

/* The rows of a sheet that client, scope and period leave. */
function chosen(key) {
  const { at, rows, when } = sheets[key];
  const first = since();
  const isOurs = choice.scope ? ownMailings(key) : () => true;
  return rows.filter((row) =>
    (!choice.client || row[at.client] === choice.client)
    && (!when || !first || (row[at[when]] ?? "") >= first)
    && isOurs(row));
}

function ownMailings(key) {
  const { at } = sheets[key];
  if (key !== "mailings" && key !== "links") return () => true;
  const mailings = sheets.mailings;
  const name = (row, at) => `${row[at.client]} ${row[at.mailing]}`;
  const ours = new Set(mailings.rows.filter((row) => row[mailings.at.written] !== null).map((row) => name(row, mailings.at)));
  return (row) => ours.has(name(row, at));
}

function sum(rows, place) {
  return rows.reduce((total, row) => total + (row[place] ?? 0), 0);
}

function share(part, all) {
  return all ? part / all : null;
}

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value; else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
