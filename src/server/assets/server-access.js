// @ts-check
/**
 * How these pages reach the server that they came from: with the token that a person typed, where one is needed. The token stays in
 * this tab's session storage and goes nowhere but into the header of requests to the same server.
 */

const STORED = 'troupe.token'

/** An answer that is an error, as the server words it. */
export class ServerError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * Asks for a token by the form of the page, once for all who wait for it.
 * @param {HTMLFormElement} form holds a password field named `token`
 */
export function createAccess(form) {
  /** @type {Promise<void> | undefined} */
  let asking

  const ask = (/** @type {boolean} */ wasWrong) => {
    asking ??= new Promise((resolve) => {
      form.hidden = false
      const wrong = form.querySelector('#token-wrong')
      if (wrong instanceof HTMLElement) wrong.hidden = !wasWrong
      const field = /** @type {HTMLInputElement} */ (form.elements.namedItem('token'))
      field.focus()
      form.onsubmit = (event) => {
        event.preventDefault()
        if (field.value.trim() === '') return
        sessionStorage.setItem(STORED, field.value.trim())
        field.value = ''
        form.hidden = true
        asking = undefined
        resolve()
      }
    })
    return asking
  }

  const headers = () => {
    const token = sessionStorage.getItem(STORED)
    return token === null ? new Headers() : new Headers({ authorization: `Bearer ${token}` })
  }

  /**
   * @param {string} path
   * @param {string} [method]
   * @returns {Promise<unknown>}
   */
  const json = async (path, method = 'GET') => {
    const sent = sessionStorage.getItem(STORED)
    const answer = await fetch(path, { method, headers: headers() })
    if (answer.status === 401) {
      // Another request may have been given a new token meanwhile.
      if (sessionStorage.getItem(STORED) === sent) {
        sessionStorage.removeItem(STORED)
        await ask(sent !== null)
      }
      return json(path, method)
    }
    const body = await answer.json().catch(() => ({}))
    if (!answer.ok) throw new ServerError(answer.status, body.message ?? `${path} was answered with ${answer.status}.`)
    return body
  }

  return {
    /**
     * The JSON of an answer. Asks for a token as often as none or a wrong one is known. Throws ServerError.
     * @param {string} path
     */
    read: (path) => json(path),

    /**
     * A WebSocket to the same server. Throws ServerError.
     * @param {string} path
     * @param {string} protocol
     */
    socket: async (path, protocol) => {
      // A browser does not tell why a WebSocket was refused: what asks for a token comes first.
      if (asking) await asking
      const protocols = [protocol]
      if (sessionStorage.getItem(STORED) !== null) {
        const { ticket } = /** @type {{ ticket: string }} */ (await json('/v1/tickets', 'POST'))
        protocols.push(`troupe.ticket.${ticket}`)
      }
      const url = new URL(path, location.href)
      url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
      return new WebSocket(url, protocols)
    },
  }
}

/** @typedef {ReturnType<typeof createAccess>} Access */
