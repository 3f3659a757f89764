/** Ids of sections: of any binary, and in a component those that hold a module and a component. */
const CUSTOM = 0;
const MODULE = 1;
const COMPONENT = 4;
const PREAMBLE_BYTES = 8;

/** A section of a module or a component. */
interface Section {
  readonly id: number;
  /** Where it begins with its id, where its contents begin, and where it ends. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** Reads an unsigned number of 32 bits in LEB128: the number, and the index behind it. */
function number(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0;
  for (let at = from, shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at];
  }
}

/** The sections of a valid module or component. */
function sectionsOf(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let start = PREAMBLE_BYTES; start < bytes.length; ) {
    const [length, body] = number(bytes, start + 1);
    const end = body + length;
    sections.push({ id: bytes[start] as number, start, body, end });
    start = end;
  }
  return sections;
}

/** Names of the custom sections of a valid module or component; not of what is in it. */
export function customSections(bytes: Uint8Array): string[] {
  return sectionsOf(bytes)
    .filter(({ id }) => id === CUSTOM)
    .map(({ body }) => {
      const [length, at] = number(bytes, body);
      return new TextDecoder().decode(bytes.subarray(at, at + length));
    });
}

/** A valid component without the custom sections of its own and of all modules and components in it. */
export function withoutCustomSections(component: Uint8Array): Uint8Array {
  const isModule = component[6] === 0; // the layer: a module has 0, a component 1
  const pieces = sectionsOf(component).flatMap(({ id, start, body, end }) => {
    if (id === CUSTOM) return [];
    if (isModule || (id !== MODULE && id !== COMPONENT)) return component.subarray(start, end);
    const inner = withoutCustomSections(component.subarray(body, end));
    return [Uint8Array.of(id, ...leb(inner.length)), inner];
  });
  return new Uint8Array(Buffer.concat([component.subarray(0, PREAMBLE_BYTES), ...pieces]));
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}
