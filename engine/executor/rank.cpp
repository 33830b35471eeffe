#include "engine/executor/rank.h"
