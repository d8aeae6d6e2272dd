import { querySyntax, Refusal } from "./errors.ts";
import { type Token, tokenize } from "./lexer.ts";

/**
 * The grammar of $filter (page: query/overview):
 *   or := and ("or" and)* ; and := not ("and" not)* ; not := "not" not | term
 *   term := "(" or ")" | operand comparison operand | function "(" arguments ")"
 */
export type Operator = "eq" | "ne" | "gt" | "ge" | "lt" | "le";

export type Operand =
  | { readonly kind: "path"; readonly path: readonly string[] }
  | { readonly kind: "literal"; readonly token: Token };

export type Expression =
  | { readonly is: "and" | "or"; readonly parts: readonly Expression[] }
  | { readonly is: "not"; readonly part: Expression }
  | { readonly is: "compare"; readonly operator: Operator; readonly left: Operand; readonly right: Operand }
  | { readonly is: "text"; readonly name: TextFunction; readonly subject: Operand; readonly text: Operand }
  | {
      readonly is: "member";
      readonly name: string;
      readonly property: string;
      readonly values: readonly string[];
    }
  | { readonly is: "truth"; readonly operand: Operand }
  | {
      readonly is: "lambda";
      readonly path: readonly string[];
      readonly quantifier: "any" | "all";
      /** Nothing for `any()`: is there a row at all. Paths inside are relative to the row. */
      readonly inner: Expression | undefined;
    };

export type TextFunction = "contains" | "startswith" | "endswith";

const OPERATORS = new Set(["eq", "ne", "gt", "ge", "lt", "le"]);
const TEXT_FUNCTIONS = new Set(["contains", "startswith", "endswith"]);
const CRM = "Microsoft.Dynamics.CRM.";
/** Deeper nesting than a client would send; it bounds the recursion. */
const DEEPEST = 100;

const syntax = (text: string, token: Token) =>
  querySyntax(`Syntax error at position ${token.at} in '${text.slice(0, 500)}'.`);

const NO_LITERAL = new Set(["punctuation", "quoted", "end"]);
const VALUES = new Set(["text", "quoted", "number", "guid", "moment"]);

/**
 * `['a','b']`, quotes inside a value doubled, or `["a","O'Neil"]` (page: webapi/query/filter-rows, "Manage single
 * quotes").
 * @param alone whether nothing may follow
 */
export function valuesIn(
  text: string,
  tokens: readonly Token[],
  from: number,
  alone = true,
): { readonly values: string[]; readonly next: number } {
  const values: string[] = [];
  let at = from;
  const is = (punctuation: string): boolean =>
    tokens[at]?.kind === "punctuation" && tokens[at]?.text === punctuation;
  const pass = (punctuation: string): void => {
    if (!is(punctuation)) throw syntax(text, tokens[at] as Token);
    at += 1;
  };
  pass("[");
  while (!is("]")) {
    if (values.length > 0) pass(",");
    const token = tokens[at] as Token;
    if (!VALUES.has(token.kind)) throw syntax(text, token);
    values.push(token.text);
    at += 1;
  }
  pass("]");
  if (alone && tokens[at]?.kind !== "end") throw syntax(text, tokens[at] as Token);
  return { values, next: at };
}

/**
 * Parses a filter.
 * @param aliases the query options; `@p` is replaced by the expression that the option holds
 */
export function parseFilter(text: string, aliases: ReadonlyMap<string, string>): Expression {
  const tokens = tokenize(text);
  let at = 0;
  let depth = 0;
  /** Names of the rows of the lambdas that are open, the innermost last. */
  const variables: string[] = [];
  const peek = (): Token => tokens[at] as Token;
  const take = (): Token => tokens[at++] as Token;
  const isWord = (word: string): boolean => peek().kind === "name" && peek().text === word;
  const expect = (punctuation: string): void => {
    const token = take();
    if (token.kind !== "punctuation" || token.text !== punctuation) throw syntax(text, token);
  };

  function aliased(token: Token): Token {
    const value = aliases.get(token.text);
    if (value === undefined) throw querySyntax(`The parameter alias '${token.text}' has no value.`);
    const [only, end] = tokenize(value);
    if (!only || end?.kind !== "end" || only.kind === "alias" || NO_LITERAL.has(only.kind))
      throw querySyntax();
    return only;
  }

  function operand(): Operand {
    const token = take();
    if (token.kind === "alias") return { kind: "literal", token: aliased(token) };
    if (token.kind === "name") {
      if (["true", "false", "null"].includes(token.text)) return { kind: "literal", token };
      const path = [token.text];
      while (peek().text === "/" && peek().kind === "punctuation") {
        take();
        const next = take();
        if (next.kind !== "name") throw syntax(text, next);
        path.push(next.text);
      }
      if (variables.length > 0) {
        if (path[0] !== variables.at(-1) || path.length < 2) throw syntax(text, token);
        path.shift();
      }
      return { kind: "path", path };
    }
    if (NO_LITERAL.has(token.kind)) throw syntax(text, token);
    return { kind: "literal", token };
  }

  function member(name: string): Expression {
    let property: string | undefined;
    let values: string[] | undefined;
    if (peek().text === ")" && peek().kind === "punctuation") throw querySyntax();
    do {
      const argument = take().text;
      expect("=");
      if (argument === "PropertyName") {
        const token = peek().kind === "alias" ? aliased(take()) : take();
        if (token.kind !== "text") throw syntax(text, token);
        property = token.text;
      } else if (argument === "PropertyValues") values = list();
      else if (argument === "PropertyValue") values = [single()];
      else throw querySyntax(`'${argument}' is not a parameter of '${name}'.`);
    } while (peek().text === "," && take());
    expect(")");
    if (property === undefined) throw querySyntax();
    return { is: "member", name: name.slice(CRM.length), property, values: values ?? [] };
  }

  function single(): string {
    const token = peek().kind === "alias" ? aliased(take()) : take();
    if (!["text", "number", "guid", "moment"].includes(token.kind)) throw syntax(text, token);
    return token.text;
  }

  /** How many tokens a path takes that ends in `/any(` or `/all(`; 0 when there is none here. */
  function lambdaLength(): number {
    for (let ahead = at; tokens[ahead]?.kind === "name"; ahead += 2) {
      const word = tokens[ahead]?.text;
      const opens = tokens[ahead + 1]?.kind === "punctuation" && tokens[ahead + 1]?.text === "(";
      if (opens && ahead > at) return word === "any" || word === "all" ? ahead - at : 0;
      if (tokens[ahead + 1]?.text !== "/") return 0;
    }
    return 0;
  }

  /** `Account_Tasks/any(t:t/subject eq 'x')` */
  function lambda(length: number): Expression {
    const path: string[] = [];
    for (let taken = 0; taken < length; taken += 2) {
      path.push(take().text);
      take();
    }
    const outer = variables.at(-1);
    if (outer !== undefined && path.shift() !== outer) throw syntax(text, peek());
    const quantifier = take().text as "any" | "all";
    expect("(");
    if (quantifier === "any" && peek().text === ")" && take()) {
      return { is: "lambda", path, quantifier, inner: undefined };
    }
    const variable = take();
    if (variable.kind !== "name") throw syntax(text, variable);
    expect(":");
    variables.push(variable.text);
    const inner = or();
    variables.pop();
    expect(")");
    return { is: "lambda", path, quantifier, inner };
  }

  /** A list of values as it stands in the filter, or behind an alias: both are read alike. */
  function list(): string[] {
    if (peek().kind === "alias") return valuesIn(text, tokenize(aliases.get(take().text) ?? ""), 0).values;
    const { values, next } = valuesIn(text, tokens, at, false);
    at = next;
    return values;
  }

  function call(): Expression {
    const name = take();
    expect("(");
    if (name.text.startsWith(CRM)) return member(name.text);
    if (!TEXT_FUNCTIONS.has(name.text)) {
      throw new Refusal(400, "0x80060888", `An unknown function with name '${name.text}' was found.`);
    }
    const subject = operand();
    expect(",");
    const sought = operand();
    expect(")");
    return { is: "text", name: name.text as TextFunction, subject, text: sought };
  }

  function term(): Expression {
    if (peek().kind === "punctuation" && peek().text === "(") {
      take();
      const inner = or();
      expect(")");
      return inner;
    }
    const following = tokens[at + 1];
    const isCall = peek().kind === "name" && following?.kind === "punctuation" && following.text === "(";
    const length = lambdaLength();
    if (length > 0) return lambda(length);
    let left: Operand | undefined;
    if (isCall) {
      const test = call();
      if (!isWord("eq")) return test;
      take();
      const truth = take().text;
      if (truth === "true") return test;
      if (truth === "false") return { is: "not", part: test };
      throw querySyntax();
    }
    left = operand();
    const operator = peek();
    if (operator.kind !== "name" || !OPERATORS.has(operator.text)) {
      if (left.kind === "path" && (operator.kind === "end" || operator.text === ")")) {
        return { is: "truth", operand: left };
      }
      throw syntax(text, operator);
    }
    take();
    return { is: "compare", operator: operator.text as Operator, left, right: operand() };
  }

  function not(): Expression {
    if (++depth > DEEPEST) throw querySyntax("The filter is nested too deeply.");
    try {
      if (!isWord("not")) return term();
      take();
      return { is: "not", part: not() };
    } finally {
      depth -= 1;
    }
  }

  function chain(word: "and" | "or", part: () => Expression): Expression {
    const parts = [part()];
    while (isWord(word)) {
      take();
      parts.push(part());
    }
    return parts.length === 1 ? (parts[0] as Expression) : { is: word, parts };
  }

  const and = (): Expression => chain("and", not);
  function or(): Expression {
    return chain("or", and);
  }

  const expression = or();
  if (peek().kind !== "end") throw syntax(text, peek());
  return expression;
}
