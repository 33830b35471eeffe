#include "engine/model/checkpoint.h"
