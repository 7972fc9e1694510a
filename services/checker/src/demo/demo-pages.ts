import { customerOf, type Invoice, invoices, type Order, orders } from './demo-records.ts'

/** The title is in every page, and so is the footer, which a crawl may look for. */
export function homePage(): string {
  return page(
    'Demo back office',
    `<p>A shop that exists to be checked. Its data is the same after every start.</p>
<ul>
<li><a href="/orders">Orders</a></li>
<li><a href="/invoices">Invoices</a></li>
<li><a href="/account">Your account</a></li>
<li><a href="/about">About</a></li>
<li><a href="/terms">Terms of delivery</a> (a page that is missing, for a crawl to find)</li>
</ul>`,
  )
}

export function ordersPage(): string {
  const rows = orders.map(
    ({ id, status, amount, currency }) =>
      `<tr class="order" data-status="${status}"><td><a href="/orders/${id}">${id}</a></td><td>${status}</td>
<td class="amount">${amount.toFixed(2)} ${currency}</td></tr>`,
  )
  return page('Orders', `<table id="orders"><tbody>${rows.join('\n')}</tbody></table>`)
}

export function orderPage({ id, customer, status, amount, currency, lines }: Order): string {
  const rows = lines.map(({ article, quantity, price }) => `<li>${quantity} × ${article} at ${price.toFixed(2)}</li>`)
  return page(
    `Order ${id}`,
    `<p>For <span class="customer">${customerOf(customer)!.name}</span>, <span class="status">${status}</span>,
<span class="amount">${amount.toFixed(2)} ${currency}</span></p><ul>${rows.join('')}</ul>
<p><a href="/orders">All orders</a></p>`,
  )
}

export function invoicesPage(): string {
  const rows = invoices.map(({ id }) => `<li class="invoice"><a href="/invoices/${id}">${id}</a></li>`)
  return page('Invoices', `<ul>${rows.join('\n')}</ul>`)
}

export function invoicePage({ id, order, amount, currency }: Invoice): string {
  return page(
    `Invoice ${id}`,
    `<p>For order <a href="/orders/${order}">${order}</a>: <span class="amount">${amount.toFixed(2)} ${currency}</span></p>`,
  )
}

export function aboutPage(): string {
  return page(
    'About',
    `<p>Pages, a form to sign in, a REST API below <code>/api</code> and GraphQL at <code>/graphql</code>.
Any address takes <code>?delayMs=</code> (up to 60,000) and <code>?status=</code> (400 to 599).</p>
<p>User name and password are both <code>demo</code>.</p>`,
  )
}

export function loginPage(csrf: string, problem: string): string {
  const said = problem === '' ? '' : `<p class="problem" role="alert">${problem}</p>`
  return page(
    'Sign in',
    `${said}<form method="post" action="/login">
<input type="hidden" name="csrf" value="${csrf}">
<label>User name <input name="username" autocomplete="off"></label>
<label>Password <input name="password" type="password" autocomplete="off"></label>
<button type="submit">Sign in</button>
</form>`,
  )
}

export function accountPage(): string {
  return page(
    'Your account',
    '<p id="greeting">Signed in as demo</p><form method="post" action="/logout"><button>Sign out</button></form>',
  )
}

export function problemPage(status: number, problem: string): string {
  return page(`${status}`, `<p class="problem">${problem}</p><p><a href="/">Home</a></p>`)
}

/** Everything that is put in is ours: no request's text comes into a page. */
function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head>
<body>
<header><nav><a href="/">Home</a> <a href="/orders">Orders</a> <a href="/login">Sign in</a></nav></header>
<main><h1>${title}</h1>
${content}
</main>
<footer>Demo back office</footer>
</body>
</html>
`
}
