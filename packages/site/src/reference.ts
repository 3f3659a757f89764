import { join } from "node:path";
import { Application, type ProjectReflection, ReflectionKind, type TypeDocOptions } from "typedoc";
import { ROOT } from "./prepare.ts";

const PACKAGE = join(ROOT, "packages/deltavec");

/** What users import, and the source that it is made of. */
const ENTRIES = [
  ...["index", "slim", "streams", "channel-entry", "worker", "measure"],
  ...["component/index", "component/delta-vector"],
];

/** What is wrong with the declarations' comments. */
export class CommentError extends Error {
  override name = "CommentError";
}

/**
 * Writes the reference of the TypeScript package as HTML.
 *
 * @param directory - where to
 * @throws CommentError if a public name has no comment, a link in a comment leads nowhere, or a type that is used is not exported
 */
export async function writeReference(directory: string): Promise<void> {
  const options: TypeDocOptions = {
    name: "deltavec",
    entryPoints: ENTRIES.map((name) => join(PACKAGE, `src/${name}.ts`)),
    tsconfig: join(PACKAGE, "tsconfig.json"),
    readme: "none",
    // The package is checked by its own compiler.
    skipErrorChecking: true,
    disableSources: true,
    excludeInternal: true,
    excludePrivate: true,
    validation: { notExported: true, invalidLink: true, notDocumented: true },
    intentionallyNotExported: INTERNAL,
    requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Variable"],
    logLevel: "Warn",
  };
  const app = await Application.bootstrap(options);
  const project = await app.convert();
  if (project === undefined) throw new CommentError("the package's sources cannot be read");
  app.validate(project);
  for (const name of callables(project)) app.logger.warn(`${name} has no comment`);
  if (app.logger.hasWarnings() || app.logger.hasErrors())
    throw new CommentError("the reference has warnings, see above");
  await app.generateDocs(project, directory);
}

/** Functions, and methods of classes, that have no comment. Faces of databases elsewhere have those of `DeltaVectorDB`. */
function callables(project: ProjectReflection): string[] {
  const kinds = ReflectionKind.Function | ReflectionKind.Method;
  return project
    .getReflectionsByKind(kinds)
    .filter((each) => each.kindOf(ReflectionKind.Function) || each.parent?.kindOf(CLASS))
    .flatMap((each) => (each.isDeclaration() ? (each.signatures ?? []) : []))
    .filter((signature) => !signature.hasComment() && !signature.parent.flags.isInherited)
    .map((signature) => signature.getFullName());
}

const CLASS = ReflectionKind.Class;

/** Types of handles, which users pass on and do not look into. */
const INTERNAL = ["FrameForm"];
