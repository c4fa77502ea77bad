// The page where a person decides about photos. It holds no decision: each is on the server's disk before the next
// photo comes, so that nothing is lost by closing, reloading or a crash.
"use strict";

const CHUNK = 100; // candidates that are asked for at once
const AHEAD = 4; // photos that are loaded before they are wanted

const at = (id) => document.getElementById(id);
const page = Number(document.querySelector("meta[name=page]").content);
const chunks = new Map(); // number of a chunk → promise of its candidates
let state = null; // classes, kinds and how far they are decided, as the server last said
let item = null; // the candidate that is shown
let ready = false; // it can be seen: keys that were pressed before are not about it

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, page }),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(
      "The review's program does not answer. Start it again in the terminal and open its new address: " +
        "everything that you decided before is kept, this last decision may be missing.",
    );
  }
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || answer.statusText);
  return value;
}

// A number as the rest of the page writes it, whatever the browser's language.
function counted(number) {
  return number.toLocaleString("en");
}

function candidate(number) {
  const chunk = Math.floor(number / CHUNK);
  if (!chunks.has(chunk)) {
    const loaded = ask(`items?start=${chunk * CHUNK}&count=${CHUNK}`);
    loaded.catch(() => chunks.delete(chunk));
    chunks.set(chunk, loaded);
  }
  return chunks.get(chunk).then((items) => items[number - chunk * CHUNK]);
}

function element(kind, text, attributes) {
  const made = document.createElement(kind);
  if (text) made.append(text);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  return made;
}

function say(text) {
  at("message").hidden = !text;
  at("message").textContent = text || "";
}

function drawState() {
  at("title").textContent = `Review of ${state.dataset}`;
  document.title = `${state.decided} of ${state.total}, ${state.dataset}`;
  at("progress").textContent = `${counted(state.decided)} of ${counted(state.total)} decided, by ${person(state.who)}`;
  at("bar").firstElementChild.style.width = `${(100 * state.decided) / Math.max(1, state.total)}%`;
  at("kinds").replaceChildren(
    ...state.kinds.map((kind) => {
      const button = element("button", `${kind.title} `, { type: "button" });
      button.append(element("small", `${counted(kind.decided)}/${counted(kind.count)}`));
      button.setAttribute("aria-current", item !== null && item.kind === kind.kind);
      button.onclick = () => work(() => show(kind.start));
      return button;
    }),
  );
}

function person(who) {
  return who.split(" <")[0]; // without the address
}

function key(place) {
  return place < 9 ? String(place + 1) : "";
}

function drawClasses(filter) {
  const shown = state.classes
    .map((name, place) => ({ name, place }))
    .filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  at("classes").replaceChildren(
    ...shown.map(({ name, place }) => {
      const button = element("button", "", { type: "button", "data-class": name });
      if (key(place)) button.append(element("kbd", key(place)));
      button.append(name);
      if (name === item.suggestion) button.append(element("small", item.probability === null ? "decided later" : `${Math.round(100 * item.probability)}%`));
      button.setAttribute("aria-pressed", name === current(item));
      button.onclick = () => decide("label", name);
      return button;
    }),
  );
}

function current(one) {
  if (!one.decision) return one.label;
  return one.decision.action === "leave out" ? "" : one.decision.new;
}

function photo(address, caption, isMain) {
  const figure = element("figure");
  const image = element("img", "", { src: address, alt: caption });
  image.onload = () => isMain && (ready = true);
  image.onerror = () => {
    image.replaceWith(element("div", "This photo cannot be shown.", { class: "gone" }));
    if (isMain) ready = true;
  };
  figure.append(image, element("figcaption", caption));
  return figure;
}

function drawItem() {
  const one = item;
  at("candidate").hidden = false;
  at("done").hidden = true;
  ready = false;
  const beside = one.others.slice(0, 1).map((name, place) => photo(`photo/${one.number}/${place}`, name, false));
  at("photos").replaceChildren(photo(`photo/${one.number}`, one.path, true), ...beside);
  const more = one.others.length > 1 ? ` (and ${one.others.length - 1} more)` : "";
  at("label").replaceChildren(one.label ? "now: " : "no class yet", element("b", one.label));
  at("text").textContent = one.text + more;
  at("path").textContent = `${counted(one.number + 1)} of ${counted(state.total)}`;
  at("decision").textContent = decided(one);
  at("keep").lastElementChild.textContent = one.label ? `keep ${one.label}` : `yes, ${one.suggestion}`;
  at("filter").hidden = state.classes.length <= 9;
  at("filter").value = "";
  drawClasses("");
  drawState();
}

function decided(one) {
  if (!one.decision) return "";
  const what = { keep: "kept", "leave out": "left out", label: `→ ${one.decision.new}` }[one.decision.action];
  return `${what} by ${person(one.decision.who)}, ${one.decision.when.slice(0, 10)}`;
}

function drawDone() {
  item = null;
  at("candidate").hidden = true;
  at("done").hidden = false;
  drawState();
}

async function show(number) {
  if (number < 0 || number >= state.total) return number < 0 ? drawDone() : undefined;
  item = await candidate(number);
  drawItem();
  for (let next = number + 1; next <= number + AHEAD && next < state.total; next += 1)
    candidate(next).then((one) => (new Image().src = `photo/${one.number}`), () => undefined);
}

let busy = false;
async function work(step) {
  if (busy) return;
  busy = true;
  try {
    say("");
    await step();
  } catch (error) {
    say(error.message);
  } finally {
    busy = false;
  }
}

async function changed(path, body) {
  state = await ask(path, body);
  return state.next;
}

function decide(action, label) {
  return work(async () => {
    if (!item || !ready) return;
    const one = item;
    const next = await changed("decide", { number: one.number, action, label: label || "" });
    Object.assign(one, state.about[0]); // with what was decided
    await show(next);
  });
}

function undo() {
  return work(async () => {
    const number = await changed("undo", {});
    if (number === -2) return say("There is nothing to take back.");
    chunks.clear();
    if (number === -1) {
      drawState();
      return say("The last decision, about a photo that is not in this list, is taken back.");
    }
    return show(number);
  });
}

function move(step) {
  return work(async () => item && item.number + step >= 0 && show(item.number + step));
}

function end() {
  return work(async () => {
    await ask("end", {});
    at("candidate").hidden = true;
    at("done").hidden = false;
    at("done").replaceChildren(element("h2", "Closed"), element("p", "Go on in the terminal; this window can go."));
    document.querySelector("footer").hidden = true;
    item = null;
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === at("filter")) return inFilter(event);
  const place = "123456789".indexOf(event.key);
  const steps = {
    " ": () => decide("keep"), x: () => decide("leave out"), u: undo,
    ArrowRight: () => move(1), ArrowLeft: () => move(-1), "/": () => at("filter").focus(),
  };
  if (place >= 0 && event.key !== "" && state && place < state.classes.length) decide("label", state.classes[place]);
  else if (steps[event.key]) steps[event.key]();
  else return;
  event.preventDefault(); // space would press the button that has the focus, too
});

function inFilter(event) {
  const [first] = at("classes").children;
  if (event.key === "Enter" && first) {
    at("filter").blur();
    decide("label", first.dataset.class);
  } else if (event.key === "Escape") at("filter").blur();
}

at("filter").addEventListener("input", () => item && drawClasses(at("filter").value));
for (const [id, step] of Object.entries({
  keep: () => decide("keep"), out: () => decide("leave out"), undo, back: () => move(-1), skip: () => move(1), end,
}))
  at(id).addEventListener("click", step);

work(async () => {
  state = await ask("state");
  drawState();
  if (state.total) await show(state.first);
  else drawDone();
});
