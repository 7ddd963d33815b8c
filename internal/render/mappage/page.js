(() => {
  "use strict";
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const picture = $("#picture"), svg = $("svg", picture), scene = $("#scene"), info = $("#info"), found = $("#found"), search = $("#search");
  const parts = $$("[data-part]", scene), boxes = parts.filter((p) => p.dataset.part === "box"), arrows = parts.filter((p) => p.dataset.part === "arrow");
  const size = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
  const hint = info.innerHTML;

  // How the scene lies in the picture: in the units of the drawing.
  let view = { x: 0, y: 0, k: 1 };
  const show = () => { scene.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`; };
  const point = (event) => {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: p.x, y: p.y };
  };
  const zoom = (factor, at = { x: size.width / 2, y: size.height / 2 }) => {
    // Text of a huge picture can be made as large as that of a small one.
    const k = Math.min(Math.max(8, 4 / svg.getScreenCTM().a), Math.max(0.2, view.k * factor));
    view = { x: at.x - (at.x - view.x) * (k / view.k), y: at.y - (at.y - view.y) * (k / view.k), k };
    show();
  };
  const move = (x, y) => { view.x += x; view.y += y; show(); };
  const fit = () => { view = { x: 0, y: 0, k: 1 }; show(); };

  picture.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), point(event)); }, { passive: false });
  const fingers = new Map();
  let dragged = 0;
  picture.addEventListener("pointerdown", (event) => { if (event.button === 0) fingers.set(event.pointerId, point(event)); dragged = 0; });
  picture.addEventListener("pointermove", (event) => {
    // A menu may have taken the end of a drag.
    if (event.buttons === 0) fingers.delete(event.pointerId);
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = point(event), other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
      const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
      zoom(distance(now, other[1]) / Math.max(1, distance(before, other[1])), other[1]);
    } else {
      dragged += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (dragged > 3) { picture.setPointerCapture(event.pointerId); picture.classList.add("moving"); move(now.x - before.x, now.y - before.y); }
    }
    fingers.set(event.pointerId, now);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    picture.addEventListener(kind, (event) => { fingers.delete(event.pointerId); picture.classList.remove("moving"); });
  }
  picture.addEventListener("keydown", (event) => {
    const step = 60, keys = {
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit,
      ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0), ArrowUp: () => move(0, step), ArrowDown: () => move(0, -step),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  $("#in").addEventListener("click", () => zoom(1.25));
  $("#out").addEventListener("click", () => zoom(0.8));
  $("#fit").addEventListener("click", fit);
  $("#theme").addEventListener("click", () => {
    const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  $("#print").addEventListener("click", () => print());

  // What a part says, and what it is connected with.
  let chosen = null;
  const ends = (arrow) => [arrow.dataset.from, arrow.dataset.to];
  const byId = new Map(parts.map((p) => [p.id, p])), touching = new Map(boxes.map((b) => [b.id, []]));
  for (const arrow of arrows) for (const id of new Set(ends(arrow))) touching.get(id).push(arrow);
  const around = (part) => {
    const near = part.dataset.part === "arrow" ? [part] : touching.get(part.id);
    return new Set([part, ...near, ...near.flatMap((a) => ends(a).map((id) => byId.get(id)))]);
  };
  const tell = (part) => {
    const near = part ? around(part) : null;
    for (const p of parts) {
      p.classList.toggle("near", Boolean(near) && near.has(p));
      p.classList.toggle("away", Boolean(near) && !near.has(p));
      p.classList.toggle("chosen", p === chosen);
      p.setAttribute("aria-pressed", String(p === chosen));
    }
    info.innerHTML = part ? $(`#about-${CSS.escape(part.dataset.about)}`).innerHTML : hint;
  };
  const choose = (part) => {
    chosen = part;
    tell(part);
    history.replaceState(null, "", part ? `#part-${part.id}` : location.pathname + location.search);
  };
  for (const part of parts) {
    part.addEventListener("pointerenter", () => { if (fingers.size === 0) tell(part); });
    part.addEventListener("pointerleave", () => { if (fingers.size === 0) tell(chosen); });
    part.addEventListener("focus", () => tell(part));
    part.addEventListener("blur", () => tell(chosen));
    part.addEventListener("click", () => { if (dragged <= 3) choose(chosen === part ? null : part); });
    part.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(chosen === part ? null : part); }
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { choose(null); for (const filter of $$("details.filter[open]")) filter.open = false; }
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  });

  // What is looked for, and what is left out.
  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const off = (kind) => new Set($$(`input[data-filter="${kind}"]:not(:checked)`).map((input) => input.value));
  const select = () => {
    const wanted = words(), namespaces = off("namespace"), tiers = off("tier"), gone = new Set(), hits = new Set();
    for (const box of boxes) {
      const its = JSON.parse(box.dataset.namespaces);
      const isOff = (its.length > 0 && its.every((n) => namespaces.has(n))) || tiers.has(box.id);
      box.classList.toggle("off", isOff);
      if (isOff) gone.add(box.id);
    }
    for (const arrow of arrows) arrow.classList.toggle("off", ends(arrow).some((id) => gone.has(id)));
    // Somebody outside who talks to nobody that is left is left out, too.
    for (const box of boxes.filter((b) => b.dataset.namespaces === "[]")) {
      const its = touching.get(box.id);
      if (its.length > 0 && its.every((a) => a.classList.contains("off"))) box.classList.add("off");
    }
    const matches = (part) => wanted.every((word) => part.dataset.text.includes(word));
    for (const part of parts) if (!part.classList.contains("off") && matches(part)) hits.add(part);
    const lit = new Set(hits);
    if (wanted.length > 0) for (const part of hits) for (const p of around(part)) lit.add(p);
    for (const part of parts) {
      part.classList.toggle("dim", wanted.length > 0 && !lit.has(part));
      part.classList.toggle("hit-by-search", wanted.length > 0 && hits.has(part));
    }
    const rows = $$("#connections tbody tr");
    let left = 0;
    for (const row of rows) {
      const part = byId.get(row.dataset.of), isOff = JSON.parse(row.dataset.ends).some((id) => byId.get(id).classList.contains("off"));
      const isHit = wanted.every((word) => row.textContent.toLowerCase().includes(word)) || (part && hits.has(part));
      row.classList.toggle("off", isOff || !isHit);
      if (!isOff && isHit) left++;
    }
    $("#left-out").textContent = left === rows.length ? "" : `By the search and the filters, ${rows.length - left} of ${rows.length} connections are left out here.`;
    found.textContent = wanted.length === 0 ? "" : hits.size === 1 ? "1 found" : `${hits.size} found`;
  };
  let waiting = 0;
  // A large picture is looked through when nothing more is typed.
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    if (parts.length > 500) waiting = setTimeout(select, 200); else select();
  });
  for (const input of $$("input[data-filter]")) input.addEventListener("change", select);
  for (const button of $$("button[data-all]")) {
    button.addEventListener("click", () => {
      const inputs = $$(`input[data-filter="${button.dataset.all}"]`), on = !inputs.every((i) => i.checked);
      for (const input of inputs) input.checked = on;
      select();
    });
  }
  // The address names a part by more than its ID, to which a browser would scroll.
  const linked = parts.find((p) => `#part-${p.id}` === location.hash);
  if (linked) choose(linked);
})();
