/** Opens once; who waits for it before goes on then. */
export class Gate {
  open: () => void = () => {}
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}
