/**
 * Why a tree is not copied or measured: something in it that its own users have made, and can undo. The message is a
 * sentence for them.
 */
export class TreeObstacle extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TreeObstacle';
  }
}
