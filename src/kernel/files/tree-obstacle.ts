/**
 * Something in a tree prevents copying or measuring it. The tree's users made it and can undo it; the message is a
 * sentence for them.
 */
export class TreeObstacle extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TreeObstacle';
  }
}
