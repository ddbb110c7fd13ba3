// Writes internal/console/assets/vendor: one native module for each library, from the packages that package-lock.json pins, with
// their licences and the hash of every file. The result is a function of the lock file: run it again, and nothing differs.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const out = join(root, "internal", "console", "assets", "vendor");
const axe = join(root, "tests", "browser", "testdata");

for (const folder of [out, axe]) mkdirSync(folder, { recursive: true });
for (const name of readdirSync(out)) if (!name.endsWith(".d.ts")) rmSync(join(out, name));

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["ui", "plot", "yaml", "editor"].map((name) => `entry/${name}.js`),
  outdir: out,
  bundle: true,
  format: "esm",
  minify: true,
  charset: "utf8",
  target: "es2022",
  legalComments: "none", // LICENSES.txt has them all.
  metafile: true,
});
copyFileSync(join(here, "node_modules", "uplot", "dist", "uPlot.min.css"), join(out, "plot.css"));
copyFileSync(join(here, "node_modules", "axe-core", "axe.min.js"), join(axe, "axe.min.js"));

/** The packages whose code is in the modules, by name. */
const packages = new Set(Object.keys(metafile.inputs)
  .map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
  .filter((name) => name !== undefined));

const licences = [...packages].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f));
  if (!file) throw new Error(`${name} has no licence file`);
  return `== ${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join("\n"));

const hash = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
const names = readdirSync(out).filter((f) => !f.endsWith(".d.ts") && f !== "SHA256SUMS").sort();
writeFileSync(join(out, "SHA256SUMS"), names.map((f) => `${hash(join(out, f))}  ${f}\n`).join(""));
