import { make } from "./document.js";

const WORDS = { rug: "It rugged", "false-alarm": "False alarm", mute: "Mute: no more messages" };

/** A labelled input; what is in it stays for this tab. */
function kept(key, text, attributes = {}) {
  const input = make("input", { id: key, autocomplete: "off", ...attributes });
  input.value = sessionStorage.getItem(`heft-${key}`) ?? "";
  input.addEventListener("input", () => sessionStorage.setItem(`heft-${key}`, input.value));
  return [make("label", { for: key }, text), input];
}

/** Buttons that write a label; the token is asked for once a tab, and again when it is wrong. */
export function feedback(token) {
  const told = make("p", { class: "key", role: "status" });
  const who = kept("who", "Your name", { maxlength: "100" });
  const why = [make("label", { for: "why" }, "Why"), make("input", { id: "why", maxlength: "1000", autocomplete: "off" })];
  const secret = make("p", { class: "fields" }, ...kept("token", "Token (page.token)", { type: "password" }));
  secret.hidden = Boolean(sessionStorage.getItem("heft-token"));
  const say = async (what) => {
    told.textContent = "writing";
    const answer = await fetch("/v1/labels", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("heft-token") ?? ""}` },
      body: JSON.stringify({ chain: token.chain, pool: token.pool, what, who: who[1].value, why: why[1].value }),
    });
    if (answer.status === 401) sessionStorage.removeItem("heft-token");
    secret.hidden = Boolean(sessionStorage.getItem("heft-token"));

    told.textContent = answer.ok ? `Noted: ${what}. Thank you.` : `Not noted: ${(await answer.json()).detail}.`;
  };
  const buttons = Object.entries(WORDS).map(([what, text]) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => say(what).catch((error) => { told.textContent = `Not noted: ${error.message}.`; }));
    return button;
  });
  return make("section", { class: "panel", "aria-label": "Feedback" },
    make("p", { class: "fields" }, ...who, ...why), secret, make("p", { class: "fields" }, ...buttons), told);
}
