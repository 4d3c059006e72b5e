#include "semantic/inference.h"
#include "semantic/passes.h"

namespace awl {

void infer(Unit& unit, Diagnostics&) { Inference(unit).run(); }

}  // namespace awl
