// The chat page with JavaScript: sends without reloading, keeps what was typed, and appends to the log, never redraws it.
if (!window.AbortSignal?.timeout || !("submitter" in SubmitEvent.prototype)) throw new Error("Old browsers use the plain form.");

const chat = document.getElementById("chat");
const log = document.getElementById("log");
const form = document.getElementById("composer");
const input = document.getElementById("message");
const send = document.getElementById("send");
const menu = document.querySelector(".menu");
const LIMIT = 4096;
// The second one says that this page sent it, whatever a proxy did to the host: no other site may send it.
const HEADERS = { Accept: "application/json", "X-Requested-With": "chat" };
const CALL = `In an emergency call ${form.dataset.emergency}.`;

// A browser may refuse storage (private windows); the chat works without it.
const keeper = (area) => ({
  read(key, otherwise) {
    try { return JSON.parse(window[area].getItem(key)) ?? otherwise; } catch { return otherwise; }
  },
  write(key, value) {
    try { window[area].setItem(key, JSON.stringify(value)); } catch { /* works without */ }
  },
});
const tab = keeper("sessionStorage"); // the conversation: gone with the tab
const device = keeper("localStorage"); // what is not sent yet: survives anything

let cursor = chat.dataset.cursor;
let shown = tab.read("chat", []); // [{id, html}] as it came from the server
let unsent = device.read("unsent", []); // [{id, fields, label, bubble, since}], oldest first
const waiting = new Map(); // message id → timer that says that the answer takes long

const inside = (element) => element.querySelector(".bubble").innerHTML + (element.querySelector(".buttons")?.innerHTML ?? "");
const bubbleOf = (id) => document.getElementById(`t-${id}`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(16).padStart(2, "0")).join("");

function toElement(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // rendered and escaped by the server
  return template.content.firstElementChild;
}

// Showing

function append(element) {
  const last = chat.lastElementChild;
  const speaker = (one) => one && ["you", "bot", "note"].find((who) => one.classList.contains(who));
  if (speaker(last) === speaker(element)) element.querySelector(".who")?.remove();
  element.classList.add("new");
  chat.append(element);
}

function take(news) {
  let first = null;
  for (const item of news.items) first = take1(item) ?? first;
  if (news.cursor) cursor = news.cursor;
  if (news.items.length) {
    shown = shown.slice(-200);
    tab.write("chat", shown);
  }
  if (first) reveal(first);
}

function take1(item) {
  const element = toElement(item.html);
  const old = bubbleOf(item.id);
  if (item.erases && !old) erase();
  remember(item);
  settle(element.dataset.answers);
  if (!old) {
    append(element);
    return element;
  }
  if (item.who === "you" || inside(old) === inside(element)) {
    say(old, element.querySelector(".status")?.textContent);
    return null;
  }
  const hadFocus = old.contains(document.activeElement);
  if (chat.lastElementChild !== old && !old.querySelector(".who")) element.querySelector(".who")?.remove();
  old.className = element.className;
  old.replaceChildren(...element.childNodes);
  if (hadFocus) (old.querySelector("button") ?? input).focus({ preventScroll: true });
  return old;
}

function remember({ id, html }) {
  const at = shown.findIndex((one) => one.id === id);
  if (at < 0) shown.push({ id, html });
  else shown[at] = { id, html };
}

function erase() {
  for (const bubble of [...chat.children]) if (bubble.id !== "t-greeting") bubble.remove();
  shown = [];
  device.write("draft", input.value);
}

function reveal(element) {
  // The question stays in sight above its answer, and a long answer is read from its beginning.
  const before = element.previousElementSibling;
  const top = before?.classList.contains("you") && before.offsetHeight < innerHeight / 3 ? before : element;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  top.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

function say(element, words, retry) {
  if (!element) return;
  let line = element.querySelector(":scope > .status");
  if (!words) return void line?.remove();
  if (line?.firstChild.data === words) return; // the same words again would be spoken again
  line?.remove();
  line = document.createElement("p");
  line.className = "status";
  line.append(words);
  if (retry) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Try again now";
    button.addEventListener("click", () => { input.focus(); retry(); });
    line.append(" ", button);
  }
  element.append(line);
}

function awaitAnswer(message) {
  const bubble = placeOf(message);
  const timer = setTimeout(() => say(bubble, `No answer yet. ${CALL}`), 20_000);
  say(bubble, "Waiting for the answer…");
  waiting.set(message.id, { timer, bubble });
}

function settle(id) {
  const wait = waiting.get(id);
  if (!wait) return;
  clearTimeout(wait.timer);
  say(wait.bubble, "");
  waiting.delete(id);
}

function showOwn({ id, label }) {
  const element = document.getElementById("own").content.firstElementChild.cloneNode(true);
  element.id = `t-${id}`;
  element.querySelector(".bubble p").textContent = label;
  append(element);
  element.scrollIntoView({ block: "nearest" });
}

// Where the state of a message is told: its own bubble, or the one whose button was tapped.
const placeOf = (message) => bubbleOf(message.bubble ?? message.id) ?? chat.lastElementChild;

// Sending: one after another, again and again until it is stored. The server keeps each id once.

let isFlushing = false;
let wake = () => {};

function enqueue(fields, label, bubble) {
  const message = { id: newId(), fields, label, bubble, since: Date.now() };
  unsent.push(message);
  device.write("unsent", unsent);
  if (!bubble) showOwn(message);
  flush();
}

async function flush() {
  if (isFlushing) return wake();
  isFlushing = true;
  for (let tries = 0; unsent.length; ) {
    if (await post(unsent[0])) {
      unsent.shift();
      device.write("unsent", unsent);
      tries = 0;
      continue;
    }
    const again = new Promise((resolve) => { wake = resolve; });
    await Promise.race([again, sleep(Math.min(5000, 1000 * 2 ** tries))]);
    tries += 1;
  }
  isFlushing = false;
}

async function post(message) {
  const place = placeOf(message);
  const slow = setTimeout(() => place.querySelector(":scope > .status") || say(place, "Sending…"), 1000);
  let problem = "";
  try {
    const age = Math.max(0, Math.round((Date.now() - message.since) / 1000));
    const body = new URLSearchParams({ ...message.fields, id: message.id, after: cursor, age });
    const response = await fetch("messages", { method: "POST", body, headers: HEADERS, signal: AbortSignal.timeout(20_000) });
    const news = await response.json();
    if (response.ok) {
      clearTimeout(slow);
      say(place, "");
      take(news);
      if (news.stored === false) return false; // its card is shown; it still has to be stored
      if (news.lost) return renew(message);
      if (!news.answered && !waiting.has(message.id)) awaitAnswer(message);
      listen();
      return true;
    }
    problem = news.error;
    if (response.status < 500) return refuse(message, problem);
  } catch { /* no connection, or something in between answered: try again */ } finally {
    clearTimeout(slow);
  }
  say(place, `Not sent. Trying again… ${CALL}`, () => wake());
  return false;
}

function renew(message) {
  const own = bubbleOf(message.id);
  message.id = newId();
  if (own) own.id = `t-${message.id}`;
  device.write("unsent", unsent);
  return false;
}

function refuse(message, problem) {
  const again = () => enqueue(message.fields, message.label, message.bubble);
  say(placeOf(message), `Not sent. ${problem}`, again);
  if (!input.value && message.fields.text) setDraft(message.fields.text);
  return true;
}

// Listening for what comes later

let isListening = false;

async function listen(seconds = "25") {
  if (isListening) return;
  isListening = true;
  for (let pause = 0; ; seconds = "25") {
    if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    const began = Date.now();
    try {
      const response = await fetch(`messages?after=${encodeURIComponent(cursor)}&wait=${seconds}`, { headers: HEADERS, signal: AbortSignal.timeout(40_000) });
      if (!response.ok) throw new Error(response.status);
      const news = await response.json();
      if (!news.session) break;
      take(news);
      pause = seconds && !news.items.length && Date.now() - began < 1000 ? 5000 : 0;
    } catch {
      pause = Math.min(5000, pause * 2 || 1000);
    }
    await sleep(pause);
  }
  isListening = false;
}

// What the patient does

function setDraft(text) {
  input.value = text;
  device.write("draft", text);
  grow();
}

function tellLength() {
  const over = input.value.length - LIMIT;
  document.getElementById("problem")?.remove();
  input.setAttribute("aria-describedby", "hint");
  if (over <= 0) return true;
  const words = document.createElement("p");
  words.className = "problem";
  words.id = "problem";
  words.setAttribute("role", "alert");
  words.textContent = `That is ${over} characters too long. Please shorten it or send it in parts.`;
  form.prepend(words);
  input.setAttribute("aria-describedby", "problem hint");
  return false;
}

function question(bubble) {
  const own = bubbleOf(bubbleOf(bubble)?.dataset.answers ?? "");
  return own?.querySelector(".bubble").textContent ?? "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, value } = event.submitter ?? {};
  if (name === "tap") {
    const [bubble, , ...label] = value.split(" ");
    enqueue({ tap: value, question: question(bubble) }, label.join(" "), bubble);
  } else if (name === "command") {
    menu.open = false;
    input.focus();
    enqueue({ command: value }, value.slice(value.indexOf(" ") + 1));
  } else {
    const text = input.value.trim();
    if (text && tellLength()) {
      enqueue({ text }, text);
      setDraft("");
    }
    input.focus();
  }
});

input.addEventListener("keydown", (event) => {
  // Enter may end a composition (Japanese, Chinese, Korean): 229 is what Safari says, where it is over by then.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (input.value.trim()) send.click();
});

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

input.addEventListener("input", () => {
  device.write("draft", input.value);
  grow();
  if (document.getElementById("problem")) tellLength();
});

// A tap with mouse or finger leaves the focus, and a phone's keyboard, where they are.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest(".row button, #send")) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const isTyping = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isTyping && document.activeElement === document.body) input.focus();
});
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});

document.getElementById("save").addEventListener("click", (event) => {
  event.preventDefault();
  const lines = [...chat.children].map((turn) => {
    const who = turn.classList.contains("you") ? "You: " : turn.classList.contains("bot") ? "Assistant: " : "";
    return who + turn.querySelector(".bubble").innerText;
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n\n")}\n`], { type: "text/plain" }));
  link.download = "chat.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  menu.open = false;
  menu.querySelector("summary").focus();
});

addEventListener("online", () => wake());

// Starting: what this tab showed before comes back in its place, and is not spoken again.

function restore() {
  log.setAttribute("aria-live", "off");
  const missing = shown.filter(({ id }) => !bubbleOf(id)).map(({ html }) => toElement(html));
  const greeting = bubbleOf("greeting");
  if (greeting) greeting.after(...missing);
  else chat.prepend(...missing);
  for (const message of unsent) if (!message.bubble && !bubbleOf(message.id)) showOwn(message);
  const draft = device.read("draft", "");
  if (!input.value) input.value = draft;
  if (chat.children.length > 1 && !location.hash) chat.lastElementChild.scrollIntoView({ block: "start" });
  setTimeout(() => log.removeAttribute("aria-live"), 500);
}

input.required = false; // said here in words, not by the browser
document.getElementById("keys").textContent = "Enter sends, Shift + Enter adds a line. ";
restore();
flush();
listen("");
