// What the page does beyond plain links and forms: everything here also works without it.

const part = (url) => {
  const asked = new URL(url, location.href);
  asked.searchParams.set("part", "1");
  return asked;
};

// A fragment of HTML from our own server; a session that ended leads to the login.
const fetched = async (url, signal) => {
  const answer = await fetch(part(url), { signal, headers: { accept: "text/html" } });
  if (answer.redirected || answer.status === 401) {
    location.reload();
    return null;
  }
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
};

// --- The list follows what is typed and chosen -------------------------------------------------

const filter = document.querySelector("form.filter");
const list = document.getElementById("list");

const live = (() => {
  let running;
  let timer;
  const show = async () => {
    running?.abort();
    running = new AbortController();
    const query = new URLSearchParams(new FormData(filter));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    const url = `${filter.getAttribute("action")}?${query}`;
    try {
      const body = await fetched(url, running.signal);
      if (!body) return;
      list.replaceChildren(...body.childNodes);
      history.replaceState(null, "", url);
      count();
    } catch (error) {
      if (error.name !== "AbortError") filter.submit();
    }
  };
  return (wait) => {
    clearTimeout(timer);
    timer = setTimeout(show, wait);
  };
})();

if (filter && list) {
  filter.addEventListener("input", (event) => live(event.target.type === "search" ? 220 : 0));
  filter.addEventListener("submit", (event) => {
    event.preventDefault();
    live(0);
  });
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  const search = document.querySelector("form.filter input[type=search]");
  if (event.key !== "/" || typing || !search || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
});

// --- Rows that are chosen ----------------------------------------------------------------------

// A dialog has fields of the same name, which are hidden.
const BOX = "tbody input[name=a]";
const boxes = () => [...document.querySelectorAll(BOX)];

const count = () => {
  const bar = document.querySelector(".chosen");
  if (!bar) return;
  const chosen = boxes().filter((box) => box.checked);
  for (const box of boxes()) box.closest("tr").classList.toggle("chosen-row", box.checked);
  bar.hidden = chosen.length === 0;
  bar.querySelector("output").value = chosen.length;
  const all = document.querySelector("input[data-all]");
  if (all) {
    all.checked = chosen.length > 0 && chosen.length === boxes().length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }
};

let last;
document.addEventListener("click", (event) => {
  const box = event.target.closest?.(BOX);
  if (!box) return;
  if (event.shiftKey && last) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  count();
});

document.addEventListener("change", (event) => {
  if (event.target.matches?.("input[data-all]"))
    for (const box of boxes()) box.checked = event.target.checked;
  count();
});

// --- Dialogs -----------------------------------------------------------------------------------

const ask = async (url, opener) => {
  const body = await fetched(url);
  if (!body) return;
  const dialog = document.createElement("dialog");
  dialog.append(...body.childNodes);
  const title = dialog.querySelector("h1, h2");
  if (title) {
    title.id ||= "dialog-title";
    dialog.setAttribute("aria-labelledby", title.id);
  }
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener?.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input:not([type=hidden]), button"))?.focus();
};

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ask(link.href, link).catch(() => location.assign(link.href));
});

// A button of the bar of chosen rows asks about these rows, by GET, in a dialog.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches("[data-dialog]")) return;
  event.preventDefault();
  const url = `${button.formAction}?${new URLSearchParams(new FormData(event.target))}`;
  ask(url, button).catch(() => location.assign(url));
});

// Nothing is sent twice by a double click.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// --- A job shows how far it is -----------------------------------------------------------------

const job = document.querySelector("[data-job]");

const follow = async () => {
  const body = await fetched(job.dataset.job);
  if (!body) return;
  const [bar, output] = ["progress", "output"].map((name) => body.querySelector(name));
  // What has ended, or can no longer be taken back, is shown as a page.
  if (!bar || !job.querySelector("form") !== !body.querySelector("form")) location.reload();
  else {
    job.querySelector("progress").replaceWith(bar);
    job.querySelector("output").value = output.value;
    setTimeout(again, 1000);
  }
};
const again = () => follow().catch(() => setTimeout(again, 5000));
if (job) setTimeout(again, 1000);

count();
