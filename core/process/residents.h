#pragma once

// The supervisors of this program. One that adopts orphans must be alone, for it cannot know the trees of others.
// From any thread.
namespace covey::residents {

// False: it may not, and nothing has changed.
bool MoveIn(bool adopts);
void MoveOut();

}  // namespace covey::residents
