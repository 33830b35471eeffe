#include "engine/api/front_desk.h"
