import { say } from "./document.js";

const KINDS = ["launch", "facts", "verdict", "retraction", "alert"];

/** Calls `note` with each summary that the stream tells, until the view is left. */
export function follow(view, path, note, { caughtUp = () => {} } = {}) {
  const source = new EventSource(path);
  let missed = false;
  source.onopen = () => {
    say("live");
    if (missed) caughtUp();
    missed = false;
  };
  source.onerror = () => {
    say("connecting again");
    missed = true;
  };
  for (const kind of KINDS) source.addEventListener(kind, (event) => note(JSON.parse(event.data), kind));
  view.leave = () => source.close();
}
