#include "engine/model/positions.h"
