/** The database: operations, options, errors and results. */
@NullMarked
package dev.deltavec.core;

import org.jspecify.annotations.NullMarked;
