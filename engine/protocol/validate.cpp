#include "engine/protocol/validate.h"
