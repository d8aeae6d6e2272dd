/** References inside the text of a config: `${env:NAME}` and `${file:path}`; `$${` stands for `${` itself. */

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  /** Starts like a reference, and is none. */
  | { readonly kind: "bad"; readonly text: string };

const PIECE = /\$\$\{|\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}|\$\{file:([^{}\0]+)\}|\$\{[^{}]*\}?/g;

/** Splits text into plain pieces and references. */
export function parseReferences(text: string): Piece[] {
  const pieces: Piece[] = [];
  const plain = (more: string) => {
    const last = pieces.at(-1);
    if (last?.kind === "text") pieces[pieces.length - 1] = { kind: "text", text: last.text + more };
    else if (more !== "") pieces.push({ kind: "text", text: more });
  };
  let end = 0;
  for (const found of text.matchAll(PIECE)) {
    const [whole, name, path] = found;
    plain(text.slice(end, found.index));
    end = found.index + whole.length;
    if (whole === "$${") plain("${");
    else if (name !== undefined) pieces.push({ kind: "env", name });
    else if (path !== undefined) pieces.push({ kind: "file", path });
    else pieces.push({ kind: "bad", text: whole });
  }
  plain(text.slice(end));
  return pieces;
}

/** Whether a value is text with a reference in it. */
export function isReference(value: unknown): boolean {
  return typeof value === "string" && parseReferences(value).some(({ kind }) => kind !== "text");
}
