// Prints what the editor of an installed Label Studio makes of values in tasks, one JSON object
// a line. It runs the editor's own code, taken out of the bundle that the page loads:
//
//	node values.js .../site-packages/web/dist/apps/labelstudio < values.json
const fs = require("fs");
const path = require("path");
const dir = process.argv[2];

// The modules of all chunks, which are numbered.
const modules = {};
global.self = { webpackChunklabelstudio: { push: (chunk) => Object.assign(modules, chunk[1]) } };
for (const name of fs.readdirSync(dir)) {
  const text = name.endsWith(".js") ? fs.readFileSync(path.join(dir, name), "utf8") : "";
  if (text.slice(0, 200).includes("(self.webpackChunk")) new Function("self", text)(global.self);
}
const loaded = {};
function load(id) {
  if (loaded[id]) return loaded[id];
  const exports = (loaded[id] = {});
  modules[id]({ exports }, exports, load);
  return exports;
}
load.d = (exports, getters) => {
  for (const name in getters) Object.defineProperty(exports, name, { get: getters[name] });
};

// parseValue, found by its regular expression.
const editor = fs.readFileSync(path.join(dir, "358.js"), "utf8");
const at = editor.indexOf("/\\$[\\w[\\].{}]+/gi");
const start = editor.lastIndexOf("(e,t)=>", at);
const text = editor.slice(start, editor.indexOf("var o}", at) + "var o}".length);
const getter = text.match(/\(0,(\w+)\.\w+\)/)[1];
const id = parseInt(editor.slice(editor.lastIndexOf(`${getter}=n(`, at)).match(/\d+/)[0], 10);
const parseValue = new Function(getter, `return ${text}`)(load(id));

for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { value, data } = JSON.parse(line);
  console.log(JSON.stringify({ value, data, resolved: parseValue(value, data) }));
}
