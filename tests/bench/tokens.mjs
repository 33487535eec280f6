// Counts tokens: tokens.mjs PACKAGE VOCABULARY… reads a JSON array of texts, writes one array of counts for each.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...names] = process.argv.slice(2);
const vocabularies = await Promise.all(
  names.map((name) => import(pathToFileURL(join(folder, "esm", "encoding", `${name}.js`)).href)),
);
const texts = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => vocabularies.map(({ encode }) => encode(text).length))));
