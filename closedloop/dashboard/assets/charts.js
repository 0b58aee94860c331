/* Charts by Chartist, each with its figures as a table beside it for those who can't see it. */

const MOST_POINTS = 60;
const LABEL_WIDTH = 80;
const WEEK = 7 * 24 * 3600 * 1000;

/* Sums by week from Monday on, weeks without anything among them. */
function byWeek(rows, when, places) {
  const weeks = new Map();
  for (const row of rows) {
    if (!row[when]) continue;
    const week = monday(row[when]);
    const sums = weeks.get(week) ?? places.map(() => 0);
    places.forEach((place, n) => { sums[n] += row[place] ?? 0; });
    weeks.set(week, sums);
  }
  return filled(weeks, () => places.map(() => 0));
}

function filled(weeks, nothing) {
  const known = [...weeks.keys()].sort();
  if (!known.length) return [];
  const all = [];
  for (let at = Date.parse(known[0]); at <= Date.parse(known.at(-1)); at += WEEK) {
    const week = new Date(at).toISOString().slice(0, 10);
    all.push([week, weeks.get(week) ?? nothing(week)]);
  }
  return all;
}

const CHARTS = {
  volume() {
    const { at } = sheets.mailings;
    const weeks = byWeek(chosen("mailings"), at.started, [at.delivered, at.bounced]);
    return {
      title: say("Mails a week"), kind: "number", bars: true, labels: weeks.map(([week]) => week),
      series: [["Delivered", (sums) => sums[0]], ["Bounced", (sums) => sums[1]]].map(([name, of]) => ({ name: say(name), data: weeks.map(([, sums]) => of(sums)) })),
    };
  },
  reactions() {
    return rates(say("Openings and clicks"), [["Opened", "opens_unique"], ["By machine", "automated_opens_unique"], ["Clicked", "clicks_unique"]], "delivered");
  },
  losses() {
    return rates(say("Bounces and unsubscribes"), [["Bounced", "bounced"], ["Unsubscribed", "unsubscribes"]], "recipients");
  },
  suppressions() {
    const { at, rows } = sheets.suppressions;
    const ours = rows.filter((row) => !choice.client || row[at.client] === choice.client);
    const reasons = ["unsubscribed", "bounced"];
    const first = since();
    const totals = reasons.map((reason) => sum(ours.filter((row) => row[at.reason] === reason && (!row[at.day])), at.addresses));
    const weeks = new Map();
    for (const row of [...ours].filter((row) => row[at.day]).sort((one, other) => collator.compare(one[at.day], other[at.day]))) {
      totals[reasons.indexOf(row[at.reason])] += row[at.addresses];
      weeks.set(monday(row[at.day]), [...totals]);
    }
    let before = reasons.map(() => 0);
    const all = filled(weeks, () => null).map(([week, sums]) => { before = sums ?? before; return [week, before]; });
    const shown = all.filter(([week]) => week >= first);
    const kept = shown.length || !all.length ? shown : all.slice(-1);
    return {
      title: say("Suppressed addresses"), kind: "number", labels: kept.map(([week]) => week), area: true,
      series: reasons.map((reason, n) => ({ name: say(reason), data: kept.map(([, sums]) => sums[n]) })),
    };
  },
  runs() {
    const { at } = sheets.runs;
    const days = new Map();
    for (const row of chosen("runs")) {
      const date = row[at.started].slice(0, 10);
      days.set(date, Math.max(days.get(date) ?? 0, row[at.seconds]));
    }
    const labels = [...days.keys()].sort();
    return { title: say("Longest run of a day"), kind: "seconds", bars: true, labels, series: [{ name: say("Duration"), data: labels.map((label) => days.get(label)) }] };
  },
};

function rates(title, parts, whole) {
  const { at } = sheets.mailings;
  const places = [...parts.map(([, key]) => at[key]), at[whole]];
  const weeks = byWeek(chosen("mailings"), at.started, places);
  return {
    title, kind: "share", labels: weeks.map(([week]) => week),
    series: parts.map(([name], n) => ({ name: say(name), data: weeks.map(([, sums]) => share(sums[n], sums.at(-1))) })),
  };
}

function drawChart(figure) {
  const { title, kind, bars, area, labels, series } = CHARTS[figure.dataset.chart]();
  const caption = make("figcaption", {}, make("h3", {}, title));
  if (!labels.length) {
    figure.replaceChildren(caption, make("p", { className: "quiet" }, say("nothing here")));
    return;
  }
  const legend = make("ul", { className: "legend" }, ...series.map(({ name }, n) =>
    make("li", {}, make("span", { className: `swatch ct-series-${"abc"[n]}`, "aria-hidden": "true" }), ` ${name}`)));
  if (series.length > 1) caption.append(legend);
  const picture = make("div", { className: "chart", role: "img", "aria-label": spoken(title, kind, labels, series) });
  figure.replaceChildren(caption, picture, figuresOf(title, kind, labels, series));
  picture.style.setProperty("--bar", `${Math.min(34, 0.6 * picture.clientWidth / labels.length)}px`);
  const offset = 52, padding = { top: 12, right: bars ? 12 : 60, bottom: 0, left: 12 };
  const room = picture.clientWidth - offset - padding.left - padding.right;
  const Chart = bars ? Chartist.BarChart : Chartist.LineChart;
  const chart = new Chart(picture, { labels, series: series.map(({ data }) => data) }, {
    height: "220px",
    low: 0,
    high: Math.max(...series.flatMap(({ data }) => data)) ? undefined : 1,
    fullWidth: true,
    stackBars: Boolean(bars),
    showArea: Boolean(area),
    lineSmooth: false,
    showPoint: labels.length <= MOST_POINTS,
    chartPadding: padding,
    axisY: { offset, scaleMinSpace: 34, onlyInteger: kind === "number", labelInterpolationFnc: (value) => axis(kind, value) },
    axisX: { showGrid: false, labelInterpolationFnc: thinned(bars ? labels.length : labels.length - 1, room) },
  });
  chart.on("draw", (drawn) => {
    if (drawn.type !== "point" && drawn.type !== "bar") return;
    const { name, data } = series[drawn.seriesIndex];
    const text = `${name}, ${day(labels[drawn.index])}: ${written(kind, data[drawn.index])}`;
    drawn.element.elem("title").getNode().textContent = text;
  });
  chart.on("created", ({ svg }) => {
    /* Let paper and windows of any width scale the picture. */
    const { clientWidth: width } = picture;
    svg.attr({ viewBox: `0 0 ${width} 220`, preserveAspectRatio: "xMidYMid meet" });
  });
}

function axis(kind, value) {
  if (kind === "share") return new Intl.NumberFormat(given.language, { style: "percent", maximumFractionDigits: 1 }).format(value);
  return kind === "number" ? new Intl.NumberFormat(given.language, { notation: "compact" }).format(value) : written(kind, value);
}

/* Leave out labels that would run into each other, `spaces` being between them. */
function thinned(spaces, room) {
  const step = Math.max(1, Math.ceil(LABEL_WIDTH * spaces / room));
  return (label, place) => (place % step ? null : short(label));
}

function short(iso) {
  const [year, month, date] = iso.split("-");
  return given.language === "de" ? `${date}.${month}.${year.slice(2)}` : iso;
}

function spoken(title, kind, labels, series) {
  const latest = series.map(({ name, data }) => `${name} ${written(kind, data.at(-1))}`).join(", ");
  return `${title}, ${day(labels[0])} – ${day(labels.at(-1))}. ${say("Latest")}: ${latest}`;
}

function figuresOf(title, kind, labels, series) {
  const details = make("details", {}, make("summary", {}, say("As a table")));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const head = make("tr", {}, make("th", { scope: "col" }, say("From")), ...series.map(({ name }) => make("th", { scope: "col", className: "number" }, name)));
    const rows = labels.map((label, n) => make("tr", {}, make("th", { scope: "row" }, day(label)), ...series.map(({ data }) => make("td", { className: "number" }, written(kind, data[n])))));
    details.append(make("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": say("Table {title}", { title }) },
      make("table", { className: "sheet" }, make("caption", { className: "hidden" }, title), make("thead", {}, head), make("tbody", {}, ...rows.reverse()))));
  });
  return details;
}
