#include "engine/ops/ops.h"
