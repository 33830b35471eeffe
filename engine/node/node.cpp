#include "engine/node/node.h"
