// Buttons that save a picture: the kernel draws it when it is asked, and the browser downloads it.

const TYPES = { png: "image/png", svg: "image/svg+xml" };
const KEPT_MS = 60_000; // what is downloaded: some browsers begin late to read it

function download(name, type, data) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "cowlab-picture";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Picture of this moment");
  const status = document.createElement("span");
  status.setAttribute("role", "status");

  const me = crypto.getRandomValues(new Uint32Array(1))[0]; // the same lab may be on the page twice: who asks saves
  const buttons = Object.keys(TYPES).map((form) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Save as ${form.toUpperCase()}`;
    button.addEventListener("click", () => {
      status.textContent = "Drawing …";
      model.send({ type: "save", form, by: me });
    });
    return button;
  });

  function receive(message, buffers) {
    if (message.by !== me) return;
    download(message.name, TYPES[message.form], buffers[0]);
    status.textContent = `Saved as ${message.name}`;
  }

  root.append("Picture of this moment:", ...buttons, status);
  el.append(root);
  model.on("msg:custom", receive);
  return () => model.off("msg:custom", receive);
}

export default { render };
