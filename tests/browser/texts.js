// Measure the texts of an SVG picture: where each is, what is under it, and how well it can be read.
// Takes a root element and the colour under the picture. Returns one object a text.
(root, under) => {
  const svgs = root.matches("svg") ? [root] : [...root.querySelectorAll("svg")];
  // A canvas turns any CSS colour into red, green, blue and alpha.
  const canvas = document.createElementNS("http://www.w3.org/1999/xhtml", "canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parse = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, [red, green, blue, alpha / 255]);
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const opacity = (element) => {
    let product = 1;
    for (let each = element; each instanceof Element; each = each.parentElement) product *= getComputedStyle(each).opacity;
    return product;
  };
  const paint = (element, kind) => {
    const style = getComputedStyle(element);
    if (style[kind] === "none" || style.visibility !== "visible") return null;
    const [r, g, b, a] = parse(style[kind]);
    const whole = a * style[`${kind}Opacity`] * opacity(element);
    return whole > 0.01 ? [r, g, b, whole] : null;
  };
  const inside = (box, x, y, room = 0) => x >= box.left - room && x <= box.right + room && y >= box.top - room && y <= box.bottom + room;
  const name = (element) => `${element.tagName}.${element.getAttribute("class") ?? ""}`;

  const measure = (svg) => {
    const frame = svg.getBoundingClientRect();
    const shapes = [...svg.querySelectorAll("rect,path,circle,ellipse,polygon,polyline,line")]
      .filter((each) => !each.closest("defs,clipPath,mask,marker,symbol"))
      .map((element) => ({
        element, box: element.getBoundingClientRect(), inverse: element.getScreenCTM().inverse(),
        fill: paint(element, "fill"), stroke: paint(element, "stroke"),
        thickness: parseFloat(getComputedStyle(element).strokeWidth) / 2 + 1,
      }))
      .filter((each) => each.fill || each.stroke);
    const at = (shape, x, y) => new DOMPoint(x, y).matrixTransform(shape.inverse);
    const filled = (shape, x, y) => shape.fill && inside(shape.box, x, y) && shape.element.isPointInFill(at(shape, x, y));
    const stroked = (shape, x, y) => shape.stroke && inside(shape.box, x, y, shape.thickness) && shape.element.isPointInStroke(at(shape, x, y));
    const touches = ({ box, thickness }, { left, top, right, bottom }) => box.left - thickness <= right &&
      box.right + thickness >= left && box.top - thickness <= bottom && box.bottom + thickness >= top;
    const before = (shape, text) => shape.element.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;

    const texts = [];
    for (const text of svg.querySelectorAll("text")) {
      const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const node = walker.currentNode, parent = node.parentElement, words = node.data.trim();
        const colour = paint(parent, "fill");
        if (!words || !colour) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const whole = range.getBoundingClientRect();
        if (!whole.width) continue;
        // The letters: without the room that the font keeps above and below them.
        const upright = whole.width >= whole.height || words.length < 3;
        const cut = (upright ? whole.height : whole.width) * 0.2;
        const box = upright
          ? { left: whole.left, right: whole.right, top: whole.top + cut, bottom: whole.bottom - cut }
          : { left: whole.left + cut, right: whole.right - cut, top: whole.top, bottom: whole.bottom };
        const points = [];
        for (let i = 0; i <= 8; i++)
          for (const part of [0.15, 0.5, 0.85])
            points.push([box.left + 1 + (box.right - box.left - 2) * i / 8, box.top + (box.bottom - box.top) * part]);
        const near = shapes.filter((each) => touches(each, whole)).map((each) => ({ ...each, below: before(each, text) }));
        let lowest = Infinity;
        for (const [x, y] of points) {
          let ground = parse(under);
          for (const shape of near)
            if (shape.below && filled(shape, x, y)) ground = over(shape.fill, ground);
          lowest = Math.min(lowest, contrast(over(colour, ground), ground));
        }
        const crossing = new Set();
        for (const shape of near) {
          const covers = !shape.below && points.some(([x, y]) => filled(shape, x, y));
          if (covers || points.some(([x, y]) => stroked(shape, x, y))) crossing.add(name(shape.element));
        }
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
        const around = near
          .filter((each) => each.element.tagName === "rect" && inside(each.box, x, y))
          .sort((a, b) => a.box.width * a.box.height - b.box.width * b.box.height)[0]?.box ?? frame;
        texts.push({
          words, box, contrast: lowest, crossing: [...crossing], size: parseFloat(getComputedStyle(parent).fontSize) * Math.abs(text.getScreenCTM().d || text.getScreenCTM().b),
          beyond: Math.max(around.left - box.left, box.right - around.right, around.top - box.top, box.bottom - around.bottom,
                           frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom),
        });
      }
    }
    return texts;
  };
  return svgs.flatMap(measure);
}
