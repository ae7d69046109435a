// The bar under which a trace is played. It knows nothing of memory: it says where the learner wants to be, and shows
// where the kernel says that one is.

const PLAY_MS = 700; // from one operation to the next while playing

function button(label, title, onclick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.title = title;
  made.setAttribute("aria-label", title);
  made.addEventListener("click", onclick);
  return made;
}

function element(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function render({ model, el }) {
  const root = element("div", "cowlab-scrub");
  // Keys are for the bar: JupyterLab has shortcuts for single letters and for the arrows.
  root.addEventListener("keydown", (event) => !(event.ctrlKey || event.metaKey) && event.stopPropagation());
  const line = element("input", "cowlab-scrub-line");
  line.type = "range";
  line.min = 0;
  line.step = 1;
  line.setAttribute("aria-label", "operation");
  const marks = element("div", "cowlab-scrub-marks");
  const where = element("div", "cowlab-scrub-where");
  where.setAttribute("role", "status");
  const error = element("div", "cowlab-scrub-error");
  error.setAttribute("role", "alert");
  const busy = element("div", "cowlab-scrub-busy");
  const busyText = element("span", "");
  busy.append(busyText, button("Cancel", "Cancel", () => model.send({ type: "cancel" })));

  const position = () => model.get("position");
  const total = () => model.get("total");
  let wanted = null; // where the learner asked to be last, until the kernel is there
  const go = (to) => {
    wanted = Math.max(0, Math.min(total(), to));
    model.send({ type: "go", to: wanted });
  };

  let timer = null;
  const play = button("▶ play", "Play", () => (timer ? stop() : start()));
  function start() {
    if (position() >= total()) go(0);
    timer = setInterval(() => {
      if (position() >= total() && wanted === null) stop();
      else if (wanted === null) go(position() + 1); // one at a time: the last one is drawn before the next is asked for
    }, PLAY_MS);
    label();
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    label();
  }
  function label() {
    play.textContent = timer ? "❚❚ pause" : "▶ play";
    play.setAttribute("aria-label", timer ? "Pause" : "Play");
    play.title = timer ? "Pause" : "Play";
  }

  const first = button("|◀", "To the start", () => go(0));
  const back = button("◀ back", "One operation back", () => go(position() - 1));
  const step = button("step ▶", "One operation on", () => go(position() + 1));
  const last = button("▶|", "To the end", () => go(total()));
  line.addEventListener("input", () => {
    stop();
    go(Number(line.value));
  });

  function drawPosition() {
    if (wanted === position()) wanted = null;
    line.max = total();
    if (document.activeElement !== line || wanted === null) line.value = position();
    line.setAttribute("aria-valuetext", model.get("where"));
    for (const end of [first, back]) end.disabled = position() <= 0;
    for (const end of [step, last]) end.disabled = position() >= total();
    where.textContent = model.get("where");
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
    busyText.textContent = model.get("busy");
    busy.hidden = !model.get("busy");
  }

  function drawMarks() {
    const all = Math.max(1, total());
    marks.replaceChildren(
      ...model.get("marks").map(([at, letter, kind, process]) => {
        const mark = element("span", `cowlab-scrub-mark cowlab-mark-${kind}`);
        mark.style.left = `${(100 * at) / all}%`;
        mark.textContent = letter;
        mark.title = `operation ${at}: ${kind}${process ? " by " + process : ""}`;
        mark.addEventListener("click", () => go(at));
        return mark;
      }),
    );
    thin();
  }

  // A letter that would cover another is a tick instead, and a tick that would is not drawn. Kills, refusals and alerts
  // come first: they are what one looks for.
  function thin() {
    const [letters, ticks] = [[], []];
    const near = (places, left, by) => places.some((place) => Math.abs(place - left) < by);
    const all = [...marks.children];
    const first = all.filter((mark) => !mark.matches(".cowlab-mark-fork, .cowlab-mark-copy"));
    for (const mark of [...first, ...all.filter((mark) => !first.includes(mark))]) {
      const left = (parseFloat(mark.style.left) / 100) * marks.clientWidth;
      const small = near(letters, left, 20);
      mark.classList.toggle("cowlab-mark-small", small);
      mark.hidden = small && (near(letters, left, 9) || near(ticks, left, 5));
      if (!mark.hidden) (small ? ticks : letters).push(left);
    }
  }

  const track = element("div", "cowlab-scrub-track");
  track.append(marks, line);
  marks.setAttribute("aria-hidden", "true"); // the log and the status line say the same in words
  root.append(first, back, play, step, last, track, where, busy, error);
  el.append(root);
  const changes = ["position", "total", "where", "error", "busy"];
  for (const name of changes) model.on(`change:${name}`, drawPosition);
  for (const name of ["marks", "total"]) model.on(`change:${name}`, drawMarks);
  drawPosition();
  drawMarks();
  const sized = new ResizeObserver(thin);
  sized.observe(root);
  return () => {
    stop();
    sized.disconnect();
    for (const name of changes) model.off(`change:${name}`, drawPosition);
    for (const name of ["marks", "total"]) model.off(`change:${name}`, drawMarks);
  };
}

export default { render };
