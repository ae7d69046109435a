// Runs the tests in Pyodide: node run.mjs ROOT FOLDER_OF_PREPARE LEAST [pytest's arguments]
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [root, folder, least, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(folder, "node_modules/pyodide/pyodide.mjs")));
const { COWLAB_CI = "", HYPOTHESIS_PROFILE = "everywhere" } = process.env;
const python = await loadPyodide({ env: { HOME: "/tmp", MPLBACKEND: "agg", COWLAB_CI, HYPOTHESIS_PROFILE } });
python.mountNodeFS("/cowlab", resolve(root));
python.mountNodeFS("/site", resolve(folder, "site"));
python.runPython(readFileSync(new URL("inside.py", import.meta.url), "utf8"));
process.exitCode = python.globals.get("main")(python.toPy(args), Number(least));
