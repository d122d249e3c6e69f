#include "covey/daemon.h"

int main(int argc, char** argv) { return covey::RunDaemon(argc, argv); }
