#pragma once

#include "server/metrics/family.h"
#include "server/metrics/metrics.h"

// The families of each part of the daemon.
namespace covey::metrics {

void AddEngine(const Engine& engine, Families& families);
void AddCalls(const CallStats& calls, Families& families);
void AddJournal(const JournalCounts& journal, Families& families);
void AddBounds(const Sources& sources, Families& families);
void AddWork(const WorkCounts& work, const Engine* engine, Families& families);
void AddLog(const Log::Counts& log, Families& families);
void AddStreams(const StreamStats& streams, Families& families);
void AddProcess(const Sources& sources, Families& families);

}  // namespace covey::metrics
