// The declarations that the package writes by hand are those that jco makes of the WIT. Nothing of this runs: it compiles.

import type * as small from "../../src/component/delta-vector-types.ts";
import type * as large from "../../src/component/deltavec-types.ts";
import type * as jcoSmall from "../../target/component/delta-vector/interfaces/ruvector-delta-delta-db.js";
import type * as jco from "../../target/component/deltavec/interfaces/deltavec-db-databases.js";

/** Compiles if the one is good for the other. */
type Assignable<One extends Other, Other> = One;

/** A class without what jco declares for some resources and not for others. */
type Plain<T> = { [Name in keyof T as Name extends symbol ? never : Name]: T[Name] };

export type Checked = [
  Assignable<Plain<jco.Database>, Plain<large.Database>>,
  Assignable<Plain<large.Database>, Plain<jco.Database>>,
  Assignable<jco.Options, large.Options>,
  Assignable<large.Options, jco.Options>,
  Assignable<jco.Delta, large.Delta>,
  Assignable<large.Delta, jco.Delta>,
  Assignable<jco.Error, large.Refusal>,
  Assignable<large.Refusal, jco.Error>,
  Assignable<jco.DeltaChain, large.DeltaChain>,
  Assignable<large.DeltaChain, jco.DeltaChain>,
  Assignable<Plain<jcoSmall.Database>, Plain<small.Database>>,
  Assignable<Plain<small.Database>, Plain<jcoSmall.Database>>,
  Assignable<jcoSmall.VectorDelta, small.VectorDelta>,
  Assignable<small.VectorDelta, jcoSmall.VectorDelta>,
];
