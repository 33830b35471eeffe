#include "engine/plan/memory_budget.h"
