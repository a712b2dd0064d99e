// Looks at an HTML page. Each function returns what it found; nothing is changed, but for `open`.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const start = (element) => element.outerHTML.slice(0, 160);
  const texts = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement, words = node.data.trim().slice(0, 60);
      if (!words || parent.closest("style,svg title,svg desc")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      found.push({ words, parent, box: range.getBoundingClientRect() });
    }
    return found;
  };
  const onlyForReaders = (element) => getComputedStyle(element.closest("a,caption,span,p") ?? element).position === "absolute";
  const scroller = (element) => element && element !== document.body &&
    (/auto|scroll/.test(getComputedStyle(element).overflowX) || scroller(element.parentElement));
  const named = (element) => `${element.localName} ${element.textContent.trim().slice(0, 40)}`;

  return {
    // Everything that is not inert.
    active: () => {
      const elements = /^(script|i?frame|frameset|object|embed|base|form|input|button|link|audio|video|template|math|noscript|foreignobject|animate|set|use|image)$/i;
      const loading = /^(src|srcset|action|formaction|xlink:href|poster|background|ping|style|on.*)$/i;
      const bad = ({ name, value }) => loading.test(name) || /^[\s\0]*(javascript|data|vbscript):/i.test(value) ||
        (name === "href" && !/^(#|https:\/\/github\.com\/)/.test(value));
      const shape = (root) => [...root.querySelectorAll("*")].map((each) => each.localName + each.attributes.length).join(" ");
      const again = new DOMParser().parseFromString(document.documentElement.outerHTML, "text/html");
      return [
        ...all("*").filter((each) => elements.test(each.localName)).map(start),
        ...all("meta[http-equiv]").filter((each) => each.httpEquiv !== "Content-Security-Policy").map(start),
        ...all("*").flatMap((each) => [...each.attributes].filter(bad).map(({ name, value }) => `${each.localName} ${name}=${value}`)),
        ...(shape(again) === shape(document) ? [] : ["another page when a browser parses what it has written"]),
      ];
    },
    order: () => ({
      headings: all("h1,h2,h3,h4,h5,h6").map((each) => +each.localName[1]),
      tables: all("table").filter((each) => !each.caption?.textContent.trim() || [...each.querySelectorAll("th")].some((cell) => !cell.scope)).map(start),
      times: all("time").map((each) => each.dateTime).filter((each) => !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(each)),
      pictures: all("svg,img").filter((each) => each.ariaHidden !== "true" && !(each.alt?.trim() || each.querySelector("title")?.textContent.trim())).map(start),
    }),
    // Texts that can be seen only after scrolling to the side, or never.
    outside: () => {
      const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      const found = wide > 0 ? [`the page is ${wide} px too wide`] : [];
      for (const { words, parent, box } of texts()) {
        if (!parent.checkVisibility() || box.width <= 1 || onlyForReaders(parent)) continue;
        if ((box.right > innerWidth + 1 || box.left < -1) && !scroller(parent)) found.push(`outside: ${words}`);
        for (let each = parent; each !== document.body; each = each.parentElement)
          if (/hidden|clip/.test(getComputedStyle(each).overflowX) && box.right > each.getBoundingClientRect().right + 1) found.push(`cut off: ${words}`);
      }
      return found;
    },
    // Texts that are not shown at all, without links within the page and the picture for another width.
    hidden: () => texts().filter(({ parent, box }) => !parent.checkVisibility() || box.height < 1)
      .filter(({ parent }) => !onlyForReaders(parent) && !parent.closest("nav,.label") &&
        !(parent.closest("svg.picture") && all("svg.picture").some((each) => each.checkVisibility())))
      .map(({ words }) => words),
    // Contents that paper shows only in part, because they scroll.
    scrolled: () => all("*").filter((each) => /auto|scroll|hidden/.test(getComputedStyle(each).overflowX) && each.clientWidth &&
      each.scrollWidth > each.clientWidth + 1 && !onlyForReaders(each)).map(start),
    focusable: () => all("a[href],summary,[tabindex],button,input,select,textarea")
      .filter((each) => each.tabIndex >= 0 && each.checkVisibility()).map(named),
    focused: () => {
      const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
      return {
        name: each === document.body ? "" : named(each),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      };
    },
    moving: () => all("*").filter((each) => {
      const style = getComputedStyle(each);
      return style.animationName !== "none" || /[1-9]/.test(style.transitionDuration) || style.scrollBehavior === "smooth";
    }).map(start),
    // Rows and pictures that the end of a printed page can cut.
    breakable: () => all("tr,svg,figure:not(.chart)").filter((each) => each.checkVisibility() && !/avoid/.test(getComputedStyle(each).breakInside)).map(start),
    ground: () => {
      const colour = getComputedStyle(document.body).backgroundColor;
      return colour === "rgba(0, 0, 0, 0)" ? "rgb(255, 255, 255)" : colour;
    },
    letters: () => parseFloat(getComputedStyle(document.body).fontSize),
    open: () => all("details").forEach((each) => { each.open = true; }),
  };
})()
