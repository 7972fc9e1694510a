import ts from 'typescript'

export interface FunctionSize {
  readonly name: string
  readonly line: number
  /** Lines of its own: those of functions inside it count for them alone, so that a factory is not long by what it returns. */
  readonly lines: number
}

const parsed = new Map<string, ts.SourceFile>()

/** Parses once per run, however many rules look at the file. */
function parse(path: string, text: string): ts.SourceFile {
  const known = parsed.get(path)
  if (known?.text === text) return known
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  parsed.set(path, file)
  return file
}

/** Every function of a TypeScript text with its length. */
export function functionSizes(path: string, text: string): FunctionSize[] {
  const file = parse(path, text)
  const sizes: FunctionSize[] = []
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line + 1
  /** Visits a node and answers how many lines the outermost functions in it take. */
  const visit = (node: ts.Node): number => {
    let inner = 0
    ts.forEachChild(node, (child) => {
      inner += visit(child)
    })
    if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return inner
    const line = lineOf(node.getStart())
    const all = lineOf(node.end) - line + 1
    sizes.push({ name: nameOf(node), line, lines: all - inner })
    return all
  }
  visit(file)
  return sizes
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name && ts.isIdentifier(node.name)) return node.name.text
  if (ts.isVariableDeclaration(node.parent) && ts.isIdentifier(node.parent.name)) return node.parent.name.text
  return '(anonymous)'
}

/** Module names of all imports and re-exports, `import()` included. */
export function importsOf(path: string, text: string): string[] {
  const file = parse(path, text)
  const modules: string[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      modules.push((node.moduleSpecifier as ts.StringLiteral).text)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [module] = node.arguments
      if (module && ts.isStringLiteral(module)) modules.push(module.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return modules
}
