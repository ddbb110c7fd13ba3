package runner

import "context"

// Tick begins what is due and waits for it.
func (r *Runner) Tick(ctx context.Context) error {
	var failure error
	if err := r.tick(ctx, func(err error) { failure = err }); err != nil {
		return err
	}
	r.wg.Wait()
	return failure
}
