// Making and changing SVG elements.

export function svg(name, attributes = {}, text) {
  return set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, text);
}

export function set(element, attributes, text) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// nice is the next larger round number, for the end of an axis.
export function nice(x) {
  if (!(x > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= x * 0.999999) * power;
}
