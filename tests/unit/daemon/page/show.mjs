// Shows one token on the page without a browser; prints the document as nested JSON.
import { readFileSync } from "node:fs";

const [, , page, answers] = process.argv;
const told = JSON.parse(readFileSync(answers, "utf8"));

class Node {
  constructor(tag) { Object.assign(this, { tag, attributes: {}, children: [] }); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener() {}
  toJSON() { return { tag: this.tag, attributes: this.attributes, children: this.children }; }
}

const main = new Node("main");
globalThis.Node = Node;
globalThis.document = {
  getElementById: (id) => (id === "main" ? main : new Node(id)),
  createElement: (tag) => new Node(tag),
  createElementNS: (_, tag) => new Node(tag),
};
globalThis.sessionStorage = { getItem: () => null };
globalThis.location = { hash: "#/t/ethereum/pool" };
globalThis.addEventListener = () => {};
globalThis.fetch = async (path) => ({ ok: true, json: async () => (path === "/v1/labels" ? { open: false } : told) });
await import(`data:text/javascript,${encodeURIComponent(readFileSync(page, "utf8"))}`);
for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
await new Promise((done) => setTimeout(done, 20));
console.log(JSON.stringify(main));
