// A slider over the options of its model; the browser's own, so that it has a name and all its keys.

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "cowlab-slider";
  // Keys are for the slider: JupyterLab has shortcuts for the arrows.
  root.addEventListener("keydown", (event) => !(event.ctrlKey || event.metaKey) && event.stopPropagation());
  const line = document.createElement("input");
  line.type = "range";
  line.min = 0;
  const name = document.createElement("span");
  name.textContent = model.get("label");
  const label = document.createElement("label");
  label.append(name, line);
  const shown = document.createElement("output");
  root.append(label, shown);
  el.append(root);

  const text = (value) => (typeof value === "number" ? value.toLocaleString("en-US") : value);
  function say(value) {
    shown.textContent = text(value);
    line.setAttribute("aria-valuetext", text(value));
  }

  function draw() {
    const options = model.get("options");
    line.max = options.length - 1;
    line.value = options.indexOf(model.get("value"));
    say(model.get("value"));
  }

  line.addEventListener("input", () => {
    const value = model.get("options")[Number(line.value)];
    say(value);
    model.set("value", value);
    model.save_changes();
  });
  model.on("change:value", draw);
  model.on("change:options", draw);
  draw();
  return () => {
    model.off("change:value", draw);
    model.off("change:options", draw);
  };
}

export default { render };
