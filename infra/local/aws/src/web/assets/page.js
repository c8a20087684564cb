// Keeps the page live: fetches it again, and puts in what differs. Everything works without this script, by reloading.
"use strict";

const EVERY = 500; // milliseconds, while somebody looks
const AFTER_FAILURE = 2000;
const live = document.getElementById("live");
let tag = null;
let asked = 0;

// Makes the children of `old` those of `fresh`, touching only what differs: focus, selection and a pressed button stay.
function morph(old, fresh) {
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted.id ? known.get(wanted.id) : alike(place, wanted) ? place : null;
    if (!same) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    if (same.nodeType === Node.TEXT_NODE) {
      if (same.data !== wanted.data) same.data = wanted.data;
    } else if (!same.isEqualNode(wanted)) {
      attributes(same, wanted);
      morph(same, wanted);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function alike(old, wanted) {
  return old && old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName && !old.id && !wanted.id;
}

function attributes(old, wanted) {
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function show(text, { notice }) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  // What a click came to stays until the next click; and whether the page is live is for us to say.
  for (const id of notice ? ["live"] : ["live", "notice"]) {
    fresh.getElementById(id)?.replaceWith(document.getElementById(id).cloneNode(true));
  }
  // Browsers heed it once, as a page is loaded; and say so each time after.
  for (const element of fresh.querySelectorAll("[autofocus]")) {
    element.removeAttribute("autofocus");
    element.dataset.focus = "";
  }
  morph(document.querySelector("main"), fresh.querySelector("main"));
}

function say(text, state) {
  if (live.textContent !== text) live.textContent = text;
  live.className = state;
}

async function look() {
  const turn = asked;
  let pause = EVERY;
  if (!document.hidden) {
    try {
      const page = new URL(location.href);
      page.searchParams.delete("started");
      const answer = await fetch(page, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status === 200) {
        const text = await answer.text();
        // An answer that is older than a click must not take back what the click has shown.
        if (turn === asked) {
          tag = answer.headers.get("ETag");
          show(text, { notice: false });
        }
      } else if (answer.status !== 304) {
        throw new Error(answer.statusText);
      }
      say("live", "on");
    } catch {
      say("pmp-local does not answer", "off");
      pause = AFTER_FAILURE;
    }
  }
  setTimeout(look, pause);
}

// A click is sent without leaving the page. What comes back is the page, too, also where the click was refused.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  // By its attributes: the form's own fields hide its properties of the same name.
  if (form.getAttribute("method") !== "post") return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  asked += 1;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
    const text = await answer.text();
    if (!answer.headers.get("Content-Type")?.startsWith("text/html")) throw new Error(text);
    tag = null;
    show(text, { notice: true });
    // A question is answered from where it stands, wherever the click was.
    document.querySelector("#notice [data-focus]")?.focus();
    // What has started is where the server has sent us; a question keeps what was typed.
    if (answer.redirected && form.classList.contains("by-hand")) form.reset();
  } catch (error) {
    say(error.message || "pmp-local does not answer", "off");
  }
});

look();
