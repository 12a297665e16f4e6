// Shows one token on the page without a browser; prints the document as nested JSON.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , page, answers] = process.argv;
const told = JSON.parse(readFileSync(answers, "utf8"));

class Node {
  constructor(tag) { Object.assign(this, { tag, attributes: {}, children: [] }); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener() {}
  get firstChild() { return this.children[0]; }
  toJSON() { return { tag: this.tag, attributes: this.attributes, children: this.children }; }
}

const main = new Node("main");
globalThis.Node = Node;
globalThis.document = {
  getElementById: (id) => (id === "main" ? main : new Node(id)),
  createElement: (tag) => new Node(tag),
  createElementNS: (_, tag) => new Node(tag),
  querySelectorAll: () => [],
};
globalThis.sessionStorage = { getItem: () => null };
globalThis.location = { hash: "#/t/ethereum/pool" };
globalThis.addEventListener = () => {};
globalThis.fetch = async (path) => ({ ok: true, json: async () => (path === "/v1/labels" ? { open: false } : told) });
globalThis.EventSource = class { addEventListener() {} close() {} };
const folder = join(dirname(answers), "static");
cpSync(dirname(page), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" })); // browsers need none
await import(pathToFileURL(join(folder, "page.js")));
for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
await new Promise((done) => setTimeout(done, 20));
console.log(JSON.stringify(main));
