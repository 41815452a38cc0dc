/* perdure.h as a file of its own, for perdure.zig: one object with all that the header implements. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"
