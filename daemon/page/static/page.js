// Which view is shown. Everything from outside enters the document as text, never as markup.
import { make, show } from "./document.js";
import { health } from "./health.js";
import { live } from "./live.js";
import { models } from "./models.js";
import { one } from "./token.js";

const VIEWS = { "": live, find: (view, ...words) => live(view, words.join("/")), t: one, models, health };

/** The view that is wanted: one that was left while it waited for an answer shows nothing. */
let wanted = { isLeft: false, leave() {} };

async function open() {
  wanted.leave();
  wanted.isLeft = true;
  const view = { isLeft: false, leave() {} };
  wanted = view;
  const [name, ...rest] = location.hash.slice(2).split("/").map(decodeURIComponent);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === location.hash || (!location.hash && link.hash === "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    await (VIEWS[name] ?? live)(view, ...rest);
  } catch (error) {
    if (!view.isLeft) show("Not found", make("p", { role: "alert" }, `That did not work: ${error.message}.`), make("p", {}, make("a", { href: "#/" }, "Back to the live view")));
  }
}

addEventListener("hashchange", () => { open().then(() => document.getElementById("main").focus()); });
open();
