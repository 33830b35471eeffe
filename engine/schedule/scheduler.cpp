#include "engine/schedule/scheduler.h"
