/** JSON metadata and its merge patches. */
@NullMarked
package dev.deltavec.core.json;

import org.jspecify.annotations.NullMarked;
