#include "engine/executor/sampler.h"
