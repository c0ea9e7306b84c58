/** Bytes of a body; or why there are none. */
export type WebhookBody = Uint8Array | 'too-large' | 'busy' | 'broken'

/** Reads bodies whose senders may be anybody: each is bounded, and so are all that are under way together. */
export class WebhookBodies {
  readonly #mostEach: number
  readonly #mostTogether: number
  #held = 0

  constructor(mostEach: number, mostTogether: number) {
    this.#mostEach = mostEach
    this.#mostTogether = mostTogether
  }

  async read(request: Request): Promise<WebhookBody> {
    if (Number(request.headers.get('content-length') ?? 0) > this.#mostEach) return 'too-large'
    const parts: Uint8Array[] = []
    let size = 0
    const reader = request.body?.getReader()
    try {
      for (;;) {
        const part = await reader?.read()
        if (part === undefined || part.done) return Buffer.concat(parts)
        size += part.value.byteLength
        this.#held += part.value.byteLength
        const trouble = this.#trouble(size)
        if (trouble !== undefined) {
          // Whoever still sends must not wait for a reader that never comes.
          reader?.cancel().catch(() => undefined)
          return trouble
        }
        parts.push(part.value)
      }
    } catch {
      return 'broken'
    } finally {
      this.#held -= size
    }
  }

  #trouble(size: number): 'too-large' | 'busy' | undefined {
    if (size > this.#mostEach) return 'too-large'
    return this.#held > this.#mostTogether ? 'busy' : undefined
  }
}
