// What tsc does not see in the browser's scripts. Types and names are its part.
import js from "@eslint/js";

export default [
  { ignores: ["cowlab/views/memory_map.js", "**/.venv/", "build/", "dist/"] },
  js.configs.recommended,
  {
    rules: {
      "no-undef": "off", // tsc knows the browser's names
      "max-len": ["error", { code: 120 }],
      "prefer-const": "error",
      "no-var": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  { files: ["cowlab/lecture/**/*.js"], languageOptions: { sourceType: "script" } },
];
